import { expect, test } from 'bun:test';
import { type HubFigures, hubMetricsText } from '../../../src/hub/metrics/metrics.ts';
import { RequestCounts } from '../../../src/hub/metrics/request-counts.ts';

const FIGURES: HubFigures = {
  version: '1.2.3',
  draining: false,
  workers: [{ pool: 'a "b"\n', state: 'online', count: 2 }],
  tasks: [{ status: 'EXECUTING', count: 3 }],
  builds: [],
  oldestWaitSeconds: 1.5,
  requests: [{ method: 'GET', status: 200, count: 4, seconds: 0.25 }],
  residentBytes: 1,
  cpuSeconds: 2,
  upSeconds: 3,
};

test('Prometheus text, labels escaped, every status there even when nothing has it', () => {
  const text = hubMetricsText(FIGURES);
  expect(text).toContain('pwagent_hub_workers{pool="a \\"b\\"\\n",state="online"} 2\n');
  expect(text).toContain('pwagent_hub_tasks{status="executing"} 3\n');
  expect(text).toContain('pwagent_hub_tasks{status="failed"} 0\n');
  expect(text).toContain('pwagent_hub_http_requests_total{method="GET",status="200"} 4\n');
  for (const line of text.trim().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? -?[\d.e+-]+)$/);
  }
});

test('methods that clients make up count as one', () => {
  const counts = new RequestCounts();
  counts.add('GET', 200, 100);
  counts.add('GET', 200, 400);
  counts.add('BREW', 404, 1);
  counts.add('STIR', 404, 1);
  expect(counts.list()).toEqual([
    { method: 'GET', status: 200, count: 2, seconds: 0.5 },
    { method: 'other', status: 404, count: 2, seconds: 0.002 },
  ]);
});
