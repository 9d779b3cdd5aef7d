/** What people are told while a drill runs, and over which routes. Pure: adapters in activities/notify/ send it. */

/** A secret is never a value: the worker reads it from its environment or from a file. */
export type SecretRef = { env: string } | { file: string };

/** A route of the crew file. `for`: roles of the manual that it reaches; left out: everything. */
export type Route = { name: string; for?: string[] | undefined } & (
  | { kind: 'webhook'; url: SecretRef; secret: SecretRef }
  | { kind: 'slack'; url: SecretRef }
  | { kind: 'pagerduty'; key: SecretRef; url?: string | undefined }
  | { kind: 'email'; smtp: SecretRef; from: string; to: string[] }
);

export const NOTICES = ['drill-began', 'step-opened', 'step-escalated', 'step-handed', 'approval-wanted', 'step-ended', 'drill-ended'] as const;
export type NoticeKind = (typeof NOTICES)[number];

export interface Notice {
  kind: NoticeKind;
  drillId: string;
  runbook: string;
  target: string;
  /** null: about the whole drill */
  step: { id: string; title: string; attempt: number } | null;
  /** whom it is for; none: everybody */
  roles: string[];
  /** one sentence */
  text: string;
  /** page of the step on the board; null: there is no board */
  link: string | null;
  /** epoch ms */
  at: number;
}

/** Whom a route reaches: a notice for everybody, or for a role of it. */
export const reaches = (route: Route, notice: Notice): boolean => !route.for || notice.roles.length === 0 || notice.roles.some((r) => route.for!.includes(r));

/** What belongs together: an incident of a pager is opened by one notice and closed by another. */
export const threadOf = ({ drillId, step }: Notice): string => (step ? `${drillId}/${step.id}` : drillId);
