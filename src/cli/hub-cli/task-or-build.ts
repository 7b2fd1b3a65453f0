import { publishedBuildSchema, taskSchema } from '../../hub/http/wire.ts';
import { AppError } from '../../lib/errors.ts';
import type { Session } from './verbs.ts';

/** Which of the two an id names. Throws `AppError` (CONFIG) for one that names neither. */
export async function kindOfId({ api, context }: Session, id: string): Promise<'task' | 'build'> {
  for (const kind of ['task', 'build'] as const) {
    const response = await api.send(`/api/v1/${kind}s/${encodeURIComponent(id)}`, {}, context.stop);
    await response.body?.cancel();
    if (response.ok) return kind;
    if (response.status !== 404) throw await api.refusalOf(response);
  }
  throw new AppError('CONFIG', `there is no task or build ${id}`, {
    hint: 'pwagent builds and pwagent tasks list them',
  });
}

/** Does `verb` to a task or a build, whichever the id names, and says that it `became` so. */
export async function actOnTaskOrBuild(session: Session, id: string, verb: string, became: string): Promise<void> {
  const { api, context, show } = session;
  const kind = await kindOfId(session, id);
  const path = `/${kind}s/${encodeURIComponent(id)}/${verb}`;
  if (kind === 'task') {
    const task = await api.ask(path, taskSchema, context.stop, { method: 'POST' });
    return show(task, () => `task ${task.id} (${task.name}) ${became}\n`);
  }
  const build = await api.ask(path, publishedBuildSchema, context.stop, { method: 'POST' });
  show(build, () => `build ${build.id} ${became}; ${build.url}\n`);
}
