/** The end of a drill: verdict, report, manifest. All a function of the bundle; doing it again gives the same bytes. */
import { BUNDLE } from '../core/bundle.ts';
import { canonicalJson } from '../core/json.ts';
import { renderHtml } from '../evidence/render/html.ts';
import { reportOf } from '../evidence/load.ts';
import type { DrillRef, DrillResult } from '../workflows/messages.ts';
import type { Deps } from './deps.ts';

export function sealActivities(deps: Deps) {
  return {
    async seal(ref: DrillRef): Promise<DrillResult> {
      const store = deps.store(ref.bundle);
      const { report, verdict } = reportOf(ref.bundle);
      store.putFile(BUNDLE.report, canonicalJson(report));
      store.putFile(BUNDLE.reportHtml, renderHtml(report));
      const { digest } = await store.seal({ drillId: ref.drillId });
      return { verdict: verdict.verdict, code: verdict.code, sentence: verdict.sentence, bundle: ref.bundle, digest };
    },
  };
}
