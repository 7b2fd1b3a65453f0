import { expect, test } from 'bun:test';
import { freePort } from '../../src/platform/free-port.ts';
import { metricsText, openMetrics } from '../../src/supervisor/metrics.ts';
import { buildReport } from '../../src/supervisor/status-report.ts';
import { waitFor } from '../support/wait-for.ts';
import { HOUR, NEW, tasks } from './policy-support.ts';
import { recordingLog } from './recording-log.ts';

const status = buildReport({
  name: 'Mac-7',
  mode: 'builtin',
  armed: true,
  cloud: { source: 'ec2', readyTag: 'PWPoolReady', lastAnswerWallMs: 1 },
  user: 'ci',
  process: undefined,
  state: { ...NEW, phase: 'withdrawn', running: tasks(2) },
  deadlines: [
    { rule: 'lifetime', dueAgeMs: 48 * HOUR, suspended: false },
    { rule: 'idle-check', dueAgeMs: HOUR, suspended: true },
  ],
  ageMs: 2 * HOUR,
  wallMs: Date.UTC(2026, 0, 1),
  disk: { path: '/', freeBytes: null },
});

test('the status as Prometheus text', () => {
  const text = metricsText(status, 7);
  for (const line of [
    '# TYPE pwagent_phase gauge',
    'pwagent_phase{phase="withdrawn"} 1',
    'pwagent_phase{phase="serving"} 0',
    'pwagent_deadline_seconds{rule="lifetime",suspended="false"} 165600',
    'pwagent_deadline_seconds{rule="idle-check",suspended="true"} -3600',
    'pwagent_tasks_running 2',
    'pwagent_tasks_finished_total 7',
    'pwagent_worker_up 0',
    'pwagent_armed 1',
    'pwagent_metadata_reachable 1',
    'pwagent_ladder_attempts_total 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).not.toContain('pwagent_disk_free_bytes');
  for (const line of text.trim().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) pwagent_|pwagent_[a-z_]+(\{.*\})? -?\d+$)/);
});

test('served on loopback; other paths are not there; off without an address; a port in use is told', async () => {
  const { log, lines } = recordingLog();
  expect(openMetrics('', () => undefined, log)).toBeUndefined();
  const listen = `127.0.0.1:${await freePort(0)}`;
  const server = openMetrics(listen, () => ({ pid: 1, exitCode: 2, status, finishedTasks: 0 }), log);
  const answer = await waitFor('the metrics', () => fetch(`http://${listen}/metrics`).catch(() => undefined));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4']);
  expect(await answer.text()).toContain('pwagent_phase');
  expect((await fetch(`http://${listen}/`)).status).toBe(404);
  const second = openMetrics(listen, () => undefined, log);
  await waitFor('the warning', () => lines.length > 0);
  expect(lines[0]?.message).toContain('cannot be served');
  server?.close();
  second?.close();
});
