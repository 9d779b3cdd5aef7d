/** The one recorder of a drill's history. The workflow numbers the entries; a number that is there already is not written again. */
import type { HistoryEvent } from '../core/history.ts';
import { BUNDLE } from '../core/bundle.ts';
import type { Instant } from '../core/time.ts';
import type { DrillRef } from '../workflows/messages.ts';
import { localInstant } from './clock.ts';
import type { Deps } from './deps.ts';

export function historyActivities(deps: Deps) {
  return {
    appendHistory(ref: DrillRef, entries: (HistoryEvent & { n: number; at: Instant })[]): Promise<void> {
      const recorded = localInstant('recorder');
      deps.store(ref.bundle).append(
        BUNDLE.history,
        entries.map((e) => ({ ...e, recorded })),
      );
      return Promise.resolve();
    },
  };
}
