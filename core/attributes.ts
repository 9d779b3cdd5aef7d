/**
 * What Temporal's own lists know of a drill, so that a list of a thousand drills is one question and no drill is asked for it: search attributes of the workflow
 * `drill`, set as it starts and renewed by the workflow as it goes on. For lists only: whoever can write to the namespace can write these, so no verdict and no right
 * is taken from them.
 */
export const ATTRIBUTES = {
  runbook: { name: 'DrillbookRunbook', type: 'KEYWORD' },
  /** inventory name */
  target: { name: 'DrillbookTarget', type: 'KEYWORD' },
  phase: { name: 'DrillbookPhase', type: 'KEYWORD' },
  /** "none" before the evidence is sealed */
  verdict: { name: 'DrillbookVerdict', type: 'KEYWORD' },
  /** roles, or one person to whom a step was handed, that open steps of the manual wait for; after and before it there is nothing, or "none" */
  waits: { name: 'DrillbookWaits', type: 'KEYWORD_LIST' },
} as const;

/** As Temporal's command line calls the types. */
export const ATTRIBUTE_TYPES = Object.values(ATTRIBUTES).map(({ name, type }) => ({
  name,
  type: type === 'KEYWORD' ? ('Keyword' as const) : ('KeywordList' as const),
}));
