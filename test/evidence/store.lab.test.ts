/** A disk that is really full: a small tmpfs in a mount namespace of its own. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const STORE = join(import.meta.dirname, '../../evidence/store.ts');
const ON_FULL_DISK = `
  import { readFileSync, readdirSync } from 'node:fs';
  const { folderStore, freshFolder } = await import(${JSON.stringify(STORE)});
  const store = folderStore(process.argv[1]);
  const code = (f) => { try { f(); return 'written'; } catch (e) { return e.code; } };
  store.append('history.jsonl', [{ n: 1, what: 'before' }]);
  const before = readFileSync(store.path('history.jsonl'), 'utf8');
  const out = [];
  out.push(code(() => store.append('history.jsonl', [{ n: 2, what: 'x'.repeat(300000) }])));
  out.push(readFileSync(store.path('history.jsonl'), 'utf8') === before);
  out.push(code(() => store.putFile('report.html', 'x'.repeat(300000))));
  out.push(readdirSync(process.argv[1]).join());
  store.append('history.jsonl', [{ n: 2, what: 'after' }]);
  out.push(store.readChain('history.jsonl').map((l) => l.what).join());
  console.log(JSON.stringify(out));
`;

test('a full disk is DRILL_DISK_FULL, nothing is half written, and the drill can go on', () => {
  const script = 'mount -t tmpfs -o size=128k tmpfs "$1" && exec "$2" --input-type=module -e "$3" "$1"';
  const out = execFileSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-ec', script, 'sh', '/mnt', process.execPath, ON_FULL_DISK], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(JSON.parse(out)).toEqual(['DRILL_DISK_FULL', true, 'DRILL_DISK_FULL', 'history.jsonl', 'before,after']);
});
