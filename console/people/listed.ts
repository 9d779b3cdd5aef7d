/** Drills as a list tells of them: those that have ended, newest first, from their evidence folders. A verdict is as it was sealed; nothing is verified here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { Verdict } from '../../core/history.ts';
import type { ReportModel } from '../../core/report/model.ts';

export interface Listed {
  drill: string;
  /** where a running one is; null: it has ended */
  phase: string | null;
  /** as it was sealed; null: it runs, or was never sealed */
  verdict: Verdict | null;
  says: string;
  /** of a drill whose evidence is on another machine: as that machine calls it, machine:/folder, or "" */
  bundle: string;
}

export const endedDrills = (folder: string): Listed[] => drillFolders(folder).map((drill) => endedDrill(drill, join(folder, drill)));

/** Names of the drills whose evidence is in this folder, newest first. `known`, for who asks often: those that had a plan already; what has one keeps it. */
export function drillFolders(folder: string, known = new Set<string>()): string[] {
  if (!existsSync(folder)) return [];
  const has = (name: string) => known.has(name) || (existsSync(join(folder, name, BUNDLE.plan)) && known.add(name));
  return readdirSync(folder).filter(has).toSorted().toReversed();
}

export function endedDrill(drill: string, bundle: string): Listed {
  const report = sealedReport(bundle);
  return { drill, phase: null, verdict: report?.verdict ?? null, says: report?.sentence ?? 'was never sealed', bundle };
}

/** null: the drill runs, or was never sealed. */
export function sealedReport(bundle: string): ReportModel | null {
  try {
    return JSON.parse(readFileSync(join(bundle, BUNDLE.report), 'utf8')) as ReportModel;
  } catch {
    return null;
  }
}
