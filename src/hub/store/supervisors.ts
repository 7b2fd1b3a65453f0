import type { SupervisorView } from '../supervisor-view.ts';
import type { Queries } from './database.ts';

type Report = Omit<SupervisorView, 'receivedAt'>;

/** Puts a supervisor's report in the place of its last one. */
export async function saveReport(sql: Queries, workerName: string, report: Report, nowMs: number): Promise<void> {
  const text = JSON.stringify(report);
  await sql`
    INSERT INTO supervisors (worker_name, report, received_ms) VALUES (${workerName}, ${text}, ${nowMs})
    ON CONFLICT (worker_name) DO UPDATE SET report = excluded.report, received_ms = excluded.received_ms`;
}

/** The last report of each supervisor, by the name of its worker. */
export async function listReports(sql: Queries): Promise<Map<string, SupervisorView>> {
  const rows = await sql<{ worker_name: string; report: string; received_ms: number }[]>`
    SELECT worker_name, report, received_ms FROM supervisors`;
  return new Map(
    rows.map(({ worker_name, report, received_ms }) => {
      const receivedAt = new Date(received_ms).toISOString();
      return [worker_name, { ...(JSON.parse(report) as Report), receivedAt }];
    }),
  );
}
