import type { BuildView } from '../model.ts';
import type { ViewProps } from './app.tsx';
import { useNow, useOverview } from './live.ts';
import { pathOf } from './route.ts';
import { StatusBadge, StatusDot } from './status-dot.tsx';
import { agoText, elapsedText, progressText } from './view-text.ts';

function BuildRow({ build, nowMs, go }: { build: BuildView; nowMs: number; go: ViewProps['go'] }) {
  const route = { view: 'build', buildId: build.id, taskId: undefined } as const;
  const open = (event: Event) => {
    event.preventDefault();
    go(route);
  };
  return (
    <a class="card row" href={pathOf(route)} onClick={open}>
      <StatusBadge status={build.status} />
      <span class="row-main">
        <strong>{build.message.split('\n')[0] || 'no message'}</strong>
        <span class="quiet">
          {build.branch} · <code>{build.revision.slice(0, 10)}</code> · build {build.id}
        </span>
      </span>
      <span class="row-dots">
        {build.tasks.slice(0, 24).map((task) => (
          <StatusDot key={task.id} status={task.status} />
        ))}
      </span>
      <span class="row-side quiet">
        <span>{progressText(build.tasks)}</span>
        <span>
          {elapsedText(build.createdAt, build.finishedAt, nowMs)} · {agoText(build.createdAt, nowMs)}
        </span>
      </span>
    </a>
  );
}

export function BuildsPage({ go, onConnection }: ViewProps) {
  const overview = useOverview(onConnection);
  const nowMs = useNow(true);
  if (overview === undefined) return null;
  if (overview.builds.length === 0) {
    return (
      <div class="empty">
        <h1>No builds yet</h1>
        <p>Start one from a work tree that has a .cirrus.yml:</p>
        <pre>pwagent submit --hub {location.origin} --token-file DATA/admin-token</pre>
      </div>
    );
  }
  return (
    <section class="list">
      {overview.builds.map((build) => (
        <BuildRow key={build.id} build={build} nowMs={nowMs} go={go} />
      ))}
    </section>
  );
}
