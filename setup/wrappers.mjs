/** Small programs in the tools' bin/ folder: they make an unpacked program behave like an installed one. */
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loaderOf } from './debian.mjs';

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} path where its file is
 * @property {string | null} root the unpacked root it belongs to; null when the system can run it as it is
 */

/**
 * Makes `bin/<name>` run the program and returns that path. Rewritten only when it differs, and then by a rename: a drill may be using it.
 * @param {string} binDir
 * @param {Program} program
 * @param {readonly string[]} [options] what to add for an unpacked MySQL program; the person's own options come later and win
 */
export function wrap(binDir, program, options = []) {
  const path = join(binDir, program.name);
  if (program.root === null) place(path, { link: program.path });
  else {
    const { loader, libraryPath } = loaderOf(program.root);
    const command = [loader, '--library-path', libraryPath, '--argv0', program.name, program.path].map(quote).join(' ');
    place(path, { script: `${options.length > 0 ? optionsAfterDefaults(options) : ''}exec ${command} "$@"\n` });
  }
  return path;
}

/**
 * @param {string} binDir
 * @param {string} name
 * @param {readonly string[]} command
 */
export function wrapCommand(binDir, name, command) {
  place(join(binDir, name), { script: `exec ${command.map(quote).join(' ')} "$@"\n` });
}

/**
 * MySQL's programs take --no-defaults, --defaults-file and the like only as their first arguments, so ours go behind those
 * and before the rest (of two equal options the later wins).
 * @param {readonly string[]} options
 */
function optionsAfterDefaults(options) {
  const ours = options.map(quote).join(' ');
  return `given=$#
first=yes
for arg do
  case $first$arg in
    yes--no-defaults | yes--defaults-* | yes--login-path=* | yes--no-login-paths | yes--print-defaults) ;;
    yes*) first=no; set -- "$@" ${ours} ;;
  esac
  set -- "$@" "$arg"
done
[ $first = no ] || set -- "$@" ${ours}
shift $given
`;
}

/**
 * @param {string} path
 * @param {{ link: string } | { script: string }} content
 */
function place(path, content) {
  mkdirSync(join(path, '..'), { recursive: true });
  const aside = `${path}.${process.pid}.new`;
  if ('link' in content) {
    if (linkTarget(path) === content.link) return;
    symlinkSync(content.link, aside);
  } else {
    const text = `#!/bin/sh\n# Written by Drillbook's set-up.\n${content.script}`;
    if (linkTarget(path) === null && existsSync(path) && readFileSync(path, 'utf8') === text) return;
    writeFileSync(aside, text, { mode: 0o755 });
  }
  renameSync(aside, path);
}

/** @param {string} path */
function linkTarget(path) {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** @param {string} word */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
