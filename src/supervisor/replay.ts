import { isDeepStrictEqual } from 'node:util';
import { decide } from './policy.ts';
import type { DecisionRecord, Policy, State } from './policy-types.ts';
import type { RecordLine } from './records.ts';

export interface Replayed {
  readonly at: string;
  readonly decision: DecisionRecord;
  /** What the supervisor decided then, when that was something else. */
  readonly instead?: DecisionRecord | null;
}

export interface ReplayResult {
  readonly decisions: readonly Replayed[];
  readonly events: number;
  /** Lines that are no records, such as the last one of a supervisor that was killed while it wrote. */
  readonly unreadable: number;
}

function parseLine(line: string): RecordLine | undefined {
  try {
    const parsed = JSON.parse(line) as RecordLine;
    return parsed.type === 'begin' || parsed.type === 'event' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Runs recorded events through `decide` once more. What comes before the first `begin` cannot be replayed. */
export function replay(text: string): ReplayResult {
  let now: { readonly state: State; readonly policy: Policy } | undefined;
  const decisions: Replayed[] = [];
  let [events, unreadable] = [0, 0];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const record = parseLine(line);
    if (record === undefined) unreadable += 1;
    else if (record.type === 'begin') now = record;
    else if (now !== undefined) {
      const [state, effects] = decide(now.state, record.event, now.policy);
      const decision = effects.find((effect) => effect.tag === 'record')?.record ?? null;
      events += 1;
      const same = isDeepStrictEqual(decision, record.decision);
      if (decision !== null) decisions.push({ at: record.at, decision, ...(same ? {} : { instead: record.decision }) });
      else if (!same && record.decision !== null) {
        decisions.push({ at: record.at, decision: record.decision, instead: null });
      }
      now = { state, policy: now.policy };
    }
  }
  return { decisions, events, unreadable };
}
