import type { Notice, Route, SecretRef } from '../../core/notice.ts';

export interface NoticeText {
  /** one line */
  subject: string;
  body: string;
}
export interface Sending {
  text: NoticeText;
  secret: (ref: SecretRef) => string;
  /** names this delivery, the same for each try */
  delivery: string;
  /** epoch ms */
  now: number;
}
/** Resolves when the other side has taken it. A coded error is final; any other is tried again. */
export type Adapter<K extends Route['kind']> = (route: Extract<Route, { kind: K }>, notice: Notice, sending: Sending) => Promise<void>;
