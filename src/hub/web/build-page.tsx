import type { BuildView, TaskView } from '../model.ts';
import type { ViewProps } from './app.tsx';
import { useBuild, useNow } from './live.ts';
import { LogView } from './log-view.tsx';
import { pathOf } from './route.ts';
import { StatusBadge, StatusDot } from './status-dot.tsx';
import { agoText, elapsedText, lookOf, taskToShow } from './view-text.ts';

function Summary({ build, nowMs }: { build: BuildView; nowMs: number }) {
  const [title = '', ...rest] = build.message.trim().split('\n');
  const body = rest.join('\n').trim();
  return (
    <div class="summary">
      <h1>
        <StatusBadge status={build.status} /> {title === '' ? `Build ${build.id}` : title}
      </h1>
      {body !== '' && <pre class="body">{body}</pre>}
      <p class="quiet">
        {build.branch} · <code>{build.revision.slice(0, 10)}</code> · build {build.id} ·{' '}
        {elapsedText(build.createdAt, build.finishedAt, nowMs)} · {agoText(build.createdAt, nowMs)}
      </p>
    </div>
  );
}

interface TaskItemProps {
  readonly task: TaskView;
  readonly selected: boolean;
  readonly nowMs: number;
  readonly go: ViewProps['go'];
}

function TaskItem({ task, selected, nowMs, go }: TaskItemProps) {
  const route = { view: 'build', buildId: task.buildId, taskId: task.id } as const;
  const elapsed = elapsedText(task.startedAt, task.finishedAt, nowMs);
  return (
    <a
      class="task"
      href={pathOf(route)}
      aria-current={selected ? 'true' : undefined}
      onClick={(event) => {
        event.preventDefault();
        go(route);
      }}
    >
      <StatusDot status={task.status} />
      <span class="task-main">
        <span class="task-name">{task.name}</span>
        <span class="quiet">{task.worker ?? lookOf(task.status).word}</span>
      </span>
      <span class="quiet">{elapsed}</span>
    </a>
  );
}

export function BuildPage({
  buildId,
  taskId,
  go,
  onConnection,
}: ViewProps & { readonly buildId: string; readonly taskId: string | undefined }) {
  const live = useBuild(buildId, onConnection);
  const nowMs = useNow(live === undefined || live.build.finishedAt === null);
  if (live === undefined) return null;
  const { build, logOf } = live;
  const shown = build.tasks.find(({ id }) => id === taskId) ?? taskToShow(build.tasks);
  return (
    <>
      <Summary build={build} nowMs={nowMs} />
      <div class="split">
        <nav class="card tasks" aria-label="tasks">
          {build.tasks.map((task) => (
            <TaskItem key={task.id} task={task} selected={task.id === shown?.id} nowMs={nowMs} go={go} />
          ))}
        </nav>
        {shown !== undefined && (
          <div class="detail">
            {shown.reason !== null && <p class={`reason ${lookOf(shown.status).tone}`}>{shown.reason}</p>}
            <LogView key={shown.id} task={shown} logOf={logOf} />
          </div>
        )}
      </div>
    </>
  );
}
