import type { WorkerView } from '../model.ts';
import type { SupervisorView } from '../supervisor-view.ts';
import type { ViewProps } from './app.tsx';
import { useNow, useOverview } from './live.ts';
import { agoText, pairsText } from './view-text.ts';

function Facts({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value === '' ? '—' : value}</dd>
    </div>
  );
}

/** The machine under the worker: what its supervisor said last. */
function Machine({ supervisor, nowMs }: { supervisor: SupervisorView; nowMs: number }) {
  const { phase, reason, endReason, deadlines, receivedAt } = supervisor;
  const next = deadlines.filter(({ suspended }) => !suspended).sort((a, b) => a.dueAt.localeCompare(b.dueAt))[0];
  return (
    <>
      <Facts name="machine" value={`${phase}: ${endReason ?? reason}`} />
      <Facts
        name="next end"
        value={next === undefined ? '' : `${next.rule}, ${new Date(next.dueAt).toLocaleString()}`}
      />
      <Facts name="reported" value={agoText(receivedAt, nowMs)} />
    </>
  );
}

function WorkerCard({ worker, nowMs }: { worker: WorkerView; nowMs: number }) {
  const count = worker.runningTasks.length;
  const busy = count === 0 ? 'idle' : `${count} ${count === 1 ? 'task' : 'tasks'} running`;
  const tone = !worker.online ? 'stopped' : count > 0 ? 'running' : 'passed';
  return (
    <article class="card worker">
      <h2>
        <span class={`dot ${tone}`} /> {worker.name}
      </h2>
      <p class="quiet">{worker.online ? busy : `offline, last seen ${agoText(worker.lastSeenAt, nowMs)}`}</p>
      <dl>
        <Facts name="pool" value={worker.pool} />
        <Facts name="labels" value={pairsText(worker.labels)} />
        <Facts name="resources" value={pairsText(worker.resources)} />
        {worker.supervisor !== null && <Machine supervisor={worker.supervisor} nowMs={nowMs} />}
      </dl>
    </article>
  );
}

export function WorkersPage({ onConnection }: ViewProps) {
  const overview = useOverview(onConnection);
  const nowMs = useNow(true);
  if (overview === undefined) return null;
  if (overview.workers.length === 0) {
    return (
      <div class="empty">
        <h1>No workers yet</h1>
        <p>Register one with the token that the hub wrote at its first start:</p>
        <pre>pwagent worker run --token-file DATA/registration-token --rpc-endpoint http://HOST:7481</pre>
      </div>
    );
  }
  return (
    <section class="grid">
      {overview.workers.map((worker) => (
        <WorkerCard key={`${worker.pool}/${worker.name}`} worker={worker} nowMs={nowMs} />
      ))}
    </section>
  );
}
