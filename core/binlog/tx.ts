/** STUB: signatures only, to be built. The head of the current transaction: one object, refilled; the GTID's text is made on demand and kept until the next refill. */
import type { TxHead, TxKind } from './visitor.ts';

export class TxHeadState implements TxHead {
  kind: TxKind = 'none';
  uuid: Uint8Array = new Uint8Array(16);
  tag = '';
  gno = 0;
  domain = 0;
  serverId = 0;
  lastCommitted = 0;
  sequenceNumber = 0;
  immediateCommitUs = 0;
  originalCommitUs = 0;
  seconds = 0;
  compressed = false;
  file = '';
  offset = 0;

  gtid(): string | null {
    throw new Error('not built yet');
  }
}
