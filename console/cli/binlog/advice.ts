/** What a finding means to whoever has to act on it, and what to do. */
import type { FindingKind } from '../../../core/binlog/finding.ts';

export const ADVICE: Record<FindingKind, { means: string; todo: string }> = {
  'in-use': { means: 'normal in the last file of a dead server, and of a running one', todo: 'nothing' },
  'no-checksums': {
    means: 'a changed byte inside a row or a statement would not be noticed',
    todo: 'set binlog_checksum=CRC32 on servers',
  },
  'rows-unverified': { means: 'row contents were not looked at', todo: 'use verify, or stat --rows, when a decision rests on them' },
  'restarted-group': { means: 'the replica received part of a transaction, and then the whole of it again', todo: 'nothing' },
  'xa-undecided': {
    means: 'its coordinator may still decide either way',
    todo: 'ask the transaction’s coordinator; XA RECOVER on the server lists it',
  },
  unclosed: {
    means: 'nothing says that the file ends here: its server was killed, or the end of the file is missing',
    todo: 'copy the file again and compare its size',
  },
  cut: {
    means: 'the end of a transaction is not there; what stands before it is sound',
    todo: 'copy the file again; if the server died there, the last whole transaction named is where the log ends',
  },
  checksum: {
    means: 'the bytes are not those that the server wrote',
    todo: 'copy the file again and compare; then take another copy of the log: a replica’s relay log or binary log',
  },
  length: {
    means: 'a length in the file is wrong; what stands behind it in this file cannot be read',
    todo: 'copy the file again and compare; then take another copy of the log',
  },
  structure: {
    means: 'the inside of an event contradicts itself',
    todo: 'copy the file again; if it stays and the checksums are right, please report it with the file',
  },
  grammar: {
    means: 'events stand in an order that no server writes: something was moved, doubled or left out',
    todo: 'check that the files belong to one server and that nobody edited or joined them',
  },
  compression: { means: 'compressed contents do not decompress', todo: 'copy the file again and compare; then take another copy of the log' },
  gap: {
    means: 'files are missing in between: what they held is not known',
    todo: 'find the missing files (purged, archived, not copied) and name all together; behind a change of gtid_purged or of gtid_binlog_state nothing may be missing',
  },
  foreign: { means: 'the file was written by another server', todo: 'name the files of one server' },
  'unknown-event': {
    means: 'an event that we do not know stands inside a transaction: what it did is not known',
    todo: 'is the server newer than this program?',
  },
  incident: {
    means: 'the server itself wrote that changes may be missing from its log',
    todo: 'compare the data; replicas must be rebuilt or checked from here on',
  },
  statement: { means: 'what the statement changed is not in the log as rows', todo: 'set binlog_format=ROW; replay or judge this statement by hand' },
  underivable: {
    means: 'the value after a partial update cannot be told from the log alone',
    todo: 'use binlog_row_image=FULL with partial JSON; read the row from the server',
  },
  encrypted: { means: 'the file is encrypted by its server', todo: 'read it through the running server (mysql://…), or decrypt it with the server’s keyring' },
  format: { means: 'not a binary log, or one of a kind that we do not read', todo: 'name binary logs of MySQL 5.7 or newer, or MariaDB 10.6 or newer' },
  'too-large': { means: 'an event or a payload needs more memory than was allowed, so its rows were not looked at', todo: 'allow more: --memory <MiB>' },
};
