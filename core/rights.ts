/** What a person may do in a drill, whatever the roles in the manual: who may act, who may approve, who may steer, who only looks. */
import type { Transition } from './message.ts';

export const RIGHTS = ['viewer', 'responder', 'approver', 'coordinator', 'auditor'] as const;
export type Right = (typeof RIGHTS)[number];

/**
 * The rights of which one is needed. Anybody who may act at all may stop the drill. For whom a step is, workflows/steps.ts tells.
 * A viewer and an auditor read; the auditor also sees what was refused.
 */
export const RIGHTS_FOR: Readonly<Record<Transition, readonly Right[]>> = {
  acknowledge: ['responder'],
  done: ['responder'],
  reject: ['responder'],
  skip: ['responder', 'coordinator'],
  delegate: ['responder', 'coordinator'],
  approve: ['approver'],
  'send-back': ['approver'],
  comment: ['responder', 'approver', 'coordinator'],
  abort: ['responder', 'approver', 'coordinator'],
};
