import { z } from 'zod';
import type { BuildView, TaskControl, TaskView } from '../../model.ts';
import { endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { publishedBuildSchema, taskSchema } from '../wire.ts';
import { decisionSchema, whySchema } from '../wire-why.ts';
import { buildParams, missing, taskParams } from './parameters.ts';

const decisions = z.object({ decisions: z.array(decisionSchema) });

type TaskVerb = (control: TaskControl, id: string, by: string) => Promise<TaskView | undefined>;
type BuildVerb = (control: TaskControl, id: string, by: string) => Promise<BuildView | undefined>;

/** Questions about tasks, and what people do to tasks and builds. */
export function taskControlEndpoints({ publicUrl, control }: HttpAppDeps) {
  const present = (build: BuildView) => ({ ...build, url: `${publicUrl()}/builds/${build.id}` });
  const task = (id: string, verb: string, summary: string, run: TaskVerb) =>
    endpoint({
      method: 'post',
      path: `/tasks/{id}/${verb}`,
      id,
      summary,
      need: 'submit',
      params: taskParams,
      answers: { 200: { description: 'The task.', schema: taskSchema } },
      audit: ({ params }) => ({ subject: params.id }),
      async run({ params, caller }) {
        const found = await run(control, params.id, caller.name);
        if (found === undefined) throw missing('task', params.id);
        return ok(found);
      },
    });
  const build = (id: string, verb: string, summary: string, run: BuildVerb) =>
    endpoint({
      method: 'post',
      path: `/builds/{id}/${verb}`,
      id,
      summary,
      need: 'submit',
      params: buildParams,
      answers: { 200: { description: 'The build.', schema: publishedBuildSchema } },
      audit: ({ params }) => ({ subject: params.id }),
      async run({ params, caller }) {
        const found = await run(control, params.id, caller.name);
        if (found === undefined) throw missing('build', params.id);
        return ok(present(found));
      },
    });
  return [
    endpoint({
      method: 'get',
      path: '/tasks/{id}/why',
      id: 'whyTask',
      summary: 'Why a task stands where it stands.',
      need: 'read',
      params: taskParams,
      answers: { 200: { description: 'The reason, with what it is made of.', schema: whySchema } },
      async run({ params }) {
        const why = await control.whyTask(params.id);
        if (why === undefined) throw missing('task', params.id);
        return ok(why);
      },
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}/decisions',
      id: 'listDecisions',
      summary: 'What the hub decided about a task, oldest first.',
      need: 'read',
      params: taskParams,
      answers: { 200: { description: 'Decisions.', schema: decisions } },
      run: async ({ params }) => ok({ decisions: await control.decisionsAbout(params.id) }),
    }),
    task('cancelTask', 'cancel', 'Takes a task out of the queue, or has it stopped.', (to, id, by) =>
      to.cancelTask(id, by),
    ),
    task('rerunTask', 'rerun', 'Runs an ended task again; answers with the new run.', (to, id, by) =>
      to.rerunTask(id, by),
    ),
    task('triggerTask', 'trigger', 'Lets a task with trigger_type: manual go.', (to, id, by) => to.triggerTask(id, by)),
    build('cancelBuild', 'cancel', 'Cancels all tasks of a build that have not ended.', (to, id, by) =>
      to.cancelBuild(id, by),
    ),
    build('rerunBuild', 'rerun', 'Runs all failed and aborted tasks of a build again.', (to, id, by) =>
      to.rerunBuild(id, by),
    ),
  ];
}
