/** Disaster: a host that forbids namespaces ends in a bare "Operation not permitted" that nobody can act on. */
import { checkKernel, remedy } from '../../setup/kernel.mjs';

const NONE = { maxUserNamespaces: 96_365, apparmorRestricts: null, unprivilegedClone: null };

test.each([
  ['Ubuntu 24.04', false, { ...NONE, apparmorRestricts: 1 }, 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'],
  ['old Debian', false, { ...NONE, unprivilegedClone: 0 }, 'sysctl -w kernel.unprivileged_userns_clone=1'],
  ['a hardened host', false, { ...NONE, maxUserNamespaces: 0 }, 'sysctl -w user.max_user_namespaces='],
  ['seccomp in a container', false, NONE, 'seccomp'],
  ['root in a container', true, NONE, '--privileged'],
])('%s: the remedy is exact', (_host, root, settings, words) => {
  expect(remedy(root, settings)).toEqual({ code: 'DRILL_USERNS_FORBIDDEN', hint: expect.stringContaining(words) });
});

test('the trial says what this kernel does, and says why when it refuses', async () => {
  const kernel = await checkKernel({ env: process.env });
  expect(kernel.allowed).toBe(kernel.error === null);
  if (kernel.error) expect(kernel.error.code).toBe('DRILL_USERNS_FORBIDDEN');
});

test('an nft that can not do its work is found out by the trial', async () => {
  const kernel = await checkKernel({ env: process.env, nft: ['/bin/false'] });
  expect(kernel.error?.code).toMatch(/DRILL_(NFT|USERNS)_FORBIDDEN/);
});
