import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { decide } from '../../src/supervisor/policy.ts';
import type { Event } from '../../src/supervisor/policy-types.ts';
import { RecordRing } from '../../src/supervisor/records.ts';
import { replay } from '../../src/supervisor/replay.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { at, HOUR, NEW, POLICY } from './policy-support.ts';
import { recordingLog } from './recording-log.ts';

const EVENTS: readonly Event[] = [
  at.started(0),
  at.registered(0),
  at.reports(HOUR, 1),
  at.timer(24 * HOUR),
  at.reports(25 * HOUR, 0),
];

function record(path: string, events: readonly Event[]): string {
  const ring = new RecordRing(path, recordingLog().log, () => Date.UTC(2026, 0, 1));
  let state = NEW;
  for (const event of events) {
    const [next, effects] = decide(state, event, POLICY);
    const decision = effects.find((effect) => effect.tag === 'record')?.record ?? null;
    ring.note(event, decision, state, POLICY);
    state = next;
  }
  expect(existsSync(path)).toBe(false); // not before the journal
  ring.open();
  return readFileSync(path, 'utf8');
}

test('what was recorded decides the same once more', () => {
  using folder = tempFolder();
  const result = replay(record(`${folder.path}/r.jsonl`, EVENTS));
  expect(result.decisions.map(({ decision, instead }) => [decision.rule, decision.to, instead])).toEqual([
    ['start', 'starting', undefined],
    ['serving', 'serving', undefined],
    ['drain', 'draining', undefined],
    ['drain', 'stopping', undefined],
  ]);
  expect([result.events, result.unreadable]).toEqual([5, 0]);
});

test('a decision that would be another one today is told', () => {
  using folder = tempFolder();
  const text = record(`${folder.path}/r.jsonl`, EVENTS).replace('"rule":"serving"', '"rule":"disk"');
  const [, changed] = replay(text).decisions;
  expect([changed?.decision.rule, changed?.instead?.rule]).toEqual(['serving', 'disk']);
});

test('torn lines and what stands before the first beginning cost nothing else', () => {
  using folder = tempFolder();
  const lines = record(`${folder.path}/r.jsonl`, EVENTS).split('\n');
  const orphan = lines[1] ?? '';
  expect(replay([orphan, ...lines, '{"type":"ev'].join('\n'))).toMatchObject({ events: 5, unreadable: 1 });
});

test('a ring that cannot be written is told once and stops nothing', () => {
  const { log, lines } = recordingLog();
  const ring = new RecordRing('/proc/none/r.jsonl', log, () => 0);
  ring.open();
  ring.note(at.started(0), null, NEW, POLICY);
  expect(lines.map(({ level }) => level)).toEqual(['warn']);
});
