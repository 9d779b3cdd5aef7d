/** What the kernel lets this user do: a lab needs namespaces of its own and nftables within them. Finds out by trying. */
import { readFileSync } from 'node:fs';
import { SetupError } from './errors.mjs';
import { findProgram, run } from './process.mjs';

const TRIAL_DEADLINE_MS = 10_000;
const SETTINGS = {
  maxUserNamespaces: '/proc/sys/user/max_user_namespaces',
  apparmorRestricts: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
  unprivilegedClone: '/proc/sys/kernel/unprivileged_userns_clone',
};

/**
 * @typedef {object} Kernel
 * @property {boolean} root runs as uid 0: no user namespace is needed
 * @property {boolean} allowed the trial worked
 * @property {string} seen what the trial said
 * @property {Record<keyof typeof SETTINGS, number | null>} settings null: the kernel has no such setting
 * @property {SetupError | null} error
 */

/**
 * Makes the namespaces of a lab, with `true` in them (10 ms).
 * @param {{ env: Readonly<Record<string, string | undefined>>, nft?: readonly string[] }} options nft: its command line; a table of the bridge family is tried as well
 * @returns {Promise<Kernel>}
 */
export async function checkKernel({ env, nft }) {
  const root = process.getuid?.() === 0;
  const settings = { maxUserNamespaces: read('maxUserNamespaces'), apparmorRestricts: read('apparmorRestricts'), unprivilegedClone: read('unprivilegedClone') };
  const unshare = findProgram('unshare', env);
  if (!unshare)
    return { root, allowed: false, seen: 'unshare is missing', settings, error: new SetupError('DRILL_NO_TOOL', 'unshare is missing.', 'Install util-linux.') };
  const userns = root ? [] : ['--user', '--map-root-user'];
  const spaces = await run(unshare, [...userns, '--net', '--mount', '--pid', '--fork', 'true'], {
    deadlineMs: TRIAL_DEADLINE_MS,
    env: { ...env, LC_ALL: 'C' },
  });
  if (spaces.status !== 0) {
    const seen = spaces.stderr.trim();
    const { code, hint } = remedy(root, settings);
    return {
      root,
      allowed: false,
      seen,
      settings,
      error: new SetupError(code, `This host does not let ${root ? 'root here' : 'an ordinary user'} make namespaces: ${seen}`, hint),
    };
  }
  const cut = nft
    ? await run(unshare, [...userns, '--net', ...nft, 'add', 'table', 'bridge', 'trial'], { deadlineMs: TRIAL_DEADLINE_MS, env: { ...env, LC_ALL: 'C' } })
    : null;
  if (cut && cut.status !== 0) {
    const error = new SetupError(
      'DRILL_NFT_FORBIDDEN',
      `nft can not make a table of the bridge family: ${cut.stderr.trim()}`,
      'Load the kernel modules as root: modprobe -a nf_tables nf_tables_bridge',
    );
    return { root, allowed: false, seen: cut.stderr.trim(), settings, error };
  }
  return { root, allowed: true, seen: 'ok', settings, error: null };
}

/**
 * Throws the exact remedy when a lab can not be made here.
 * @param {Parameters<typeof checkKernel>[0]} options
 */
export async function ensureKernel(options) {
  const kernel = await checkKernel(options);
  if (kernel.error) throw kernel.error;
  return kernel;
}

/**
 * Which setting forbids it, and the command that lifts it.
 * @param {boolean} root
 * @param {Kernel['settings']} settings
 * @returns {{ code: `DRILL_${string}`, hint: string }}
 */
export function remedy(root, settings) {
  const code = 'DRILL_USERNS_FORBIDDEN';
  if (root) return { code, hint: 'This root lacks CAP_SYS_ADMIN, as in a container: run it with --privileged, or on the host.' };
  if (settings.maxUserNamespaces === 0)
    return { code, hint: 'As root: sysctl -w user.max_user_namespaces=15000 (and keep it in /etc/sysctl.d/60-drillbook.conf), or run as root.' };
  if (settings.unprivilegedClone === 0)
    return { code, hint: 'As root: sysctl -w kernel.unprivileged_userns_clone=1 (and keep it in /etc/sysctl.d/60-drillbook.conf), or run as root.' };
  if (settings.apparmorRestricts)
    return {
      code,
      hint: 'As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (and keep it in /etc/sysctl.d/60-drillbook.conf), or run as root.',
    };
  return {
    code,
    hint: 'No sysctl forbids it, so a container or a security module does: run outside of the container, allow unshare(2) in its seccomp profile, or run as root.',
  };
}

/** @param {keyof typeof SETTINGS} name */
function read(name) {
  try {
    return Number(readFileSync(SETTINGS[name], 'utf8'));
  } catch {
    return null;
  }
}
