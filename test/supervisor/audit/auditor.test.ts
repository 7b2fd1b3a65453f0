import { expect, test } from 'bun:test';
import { TaskAuditor } from '../../../src/supervisor/audit/auditor.ts';
import type { AuditResult, Snapshot } from '../../../src/supervisor/audit/facts.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingLog } from '../recording-log.ts';

const watched = (path: string) => [{ kind: 'cron entry' as const, path, print: '' }];

/** Snapshots are numbered by their free bytes; `audit` notes what it was given. */
function stage(verdict: AuditResult['verdict'] = 'clean', failing = false) {
  const seen: string[] = [];
  const { log, lines } = recordingLog();
  const stop = new AbortController();
  let number = 0;
  const auditor = new TaskAuditor(
    {
      snapshot: async () => {
        number += 1;
        if (failing) throw new Error('no disk');
        const bare: Snapshot = { wallMs: 0, processes: [], watched: [], mounts: [], images: [], freeBytes: number };
        return { ...bare, watched: watched(String(number)) };
      },
      audit: async (before, { taskId, running, workerPid }) => {
        seen.push(
          `${taskId} since ${before.freeBytes}/${before.watched[0]?.path} beside [${running().join()}] of ${workerPid}`,
        );
        return { verdict, reasons: [] };
      },
      workerPid: () => 7,
      clock: new FakeClock(),
      log,
      audited: (taskId, result) => void seen.push(`${taskId} ${result.verdict}`),
    },
    stop.signal,
  );
  return { auditor, seen, lines, stop };
}

test('each task is audited once, after its end, against what stood when nothing ran', async () => {
  const { auditor, seen } = stage();
  await auditor.idle();
  auditor.report(['a']);
  auditor.report(['a', 'b']);
  auditor.report(['b']);
  await auditor.idle();
  auditor.report(['b']);
  auditor.report([]);
  await auditor.idle();
  auditor.report(['c']);
  auditor.report([]);
  await auditor.idle();
  expect(seen).toEqual([
    'a since 1/1 beside [b] of 7',
    'a clean',
    'b since 1/2 beside [] of 7',
    'b clean',
    'c since 3/3 beside [] of 7',
    'c clean',
  ]);
});

test('dirty is a warning; a snapshot that fails is one, too, and no bug', async () => {
  const dirty = stage('dirty');
  dirty.auditor.report(['a']);
  dirty.auditor.report([]);
  await dirty.auditor.idle();
  expect(dirty.lines.map(({ level, fields }) => [level, fields.verdict])).toEqual([['warn', 'dirty']]);
  const failing = stage('clean', true);
  failing.auditor.report(['a']);
  failing.auditor.report([]);
  await failing.auditor.idle();
  expect(failing.lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
});

test('a supervisor that leaves audits nothing more', async () => {
  const { auditor, seen, stop } = stage();
  await auditor.idle();
  auditor.report(['a']);
  stop.abort();
  auditor.report([]);
  await auditor.idle();
  expect(seen).toEqual([]);
});
