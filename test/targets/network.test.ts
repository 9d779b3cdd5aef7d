import { parseCut } from '../../targets/platforms/local/network.ts';
import { checkDir } from '../../targets/platforms/local/layout.ts';

/** As printed by nft 1.1 (`nft list table bridge cut`). */
const LISTING = `table bridge cut {
	set pairs {
		type ifname . ifname
		flags timeout
		elements = { "p-db2" . "p-db1" timeout 5s expires 4s996ms,
			     "p-db1" . "p-db3" timeout 1m expires 59s }
	}

	chain c_fwd {
		type filter hook forward priority filter; policy accept;
		iifname . oifname @pairs counter packets 27 bytes 1836 drop
	}
}
`;

test('cut pairs with the rest of their leases', () => {
  expect(parseCut(LISTING)).toEqual({
    live: [
      { pair: ['db2', 'db1'], expiresInMs: 4996 },
      { pair: ['db1', 'db3'], expiresInMs: 59_000 },
    ],
    dropped: 27,
  });
});

test('an empty set', () => {
  expect(parseCut(LISTING.replace(/elements = \{[^}]*\}/, ''))).toEqual({ live: [], dropped: 27 });
});

test.each([
  ['/tmp/lab', null],
  [`/tmp/${'x'.repeat(83)}`, null],
  [`/tmp/${'x'.repeat(84)}`, 'DRILL_PATH_TOO_LONG'],
  [`/tmp/${'é'.repeat(42)}`, 'DRILL_PATH_TOO_LONG'],
  ['/run/user/1000/lab', 'DRILL_LAB_DIR'],
])('a lab in %s: %s', (dir, code) => {
  const check = () => checkDir(dir);
  if (code === null) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code }) as Error);
});
