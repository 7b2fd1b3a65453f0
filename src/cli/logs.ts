import type { PublishedBuild } from '../hub/http/wire.ts';
import { publishedBuildSchema, taskSchema } from '../hub/http/wire.ts';
import type { TaskView } from '../hub/model.ts';
import { AppError, EXIT } from '../lib/errors.ts';
import { systemRandom } from '../platform/random.ts';
import type { CliContext } from './context.ts';
import { kindOfId } from './hub-cli/task-or-build.ts';
import { runVerbs, type Session, type VerbGroup } from './hub-cli/verbs.ts';
import { followBuild } from './submit/follow-build.ts';
import { createHubClient } from './submit/hub-client.ts';
import { NOTHING_TOLD, renderEvent } from './submit/render-events.ts';

/** What was asked for: a whole build, one of its tasks, or one instruction of that. */
interface Wanted {
  readonly build: PublishedBuild;
  /** Empty for all. */
  readonly taskId: string;
  readonly instruction: string;
}

async function find(session: Session, id: string, instruction: string): Promise<Wanted> {
  const { api, context } = session;
  const kind = await kindOfId(session, id);
  const task =
    kind === 'task' ? await api.ask(`/tasks/${encodeURIComponent(id)}`, taskSchema, context.stop) : undefined;
  if (task !== undefined && instruction !== '' && !task.instructions.some(({ name }) => name === instruction)) {
    const known = task.instructions.map(({ name }) => name).join(', ');
    throw new AppError('CONFIG', `task ${id} has no instruction "${instruction}"`, { hint: `it has: ${known}` });
  }
  if (task === undefined && instruction !== '') {
    throw new AppError('USAGE', 'an instruction belongs to a task', { hint: 'give the id of the task' });
  }
  const build = await api.ask(`/builds/${encodeURIComponent(task?.buildId ?? id)}`, publishedBuildSchema, context.stop);
  return { build, taskId: task?.id ?? '', instruction };
}

async function printLog({ api, context }: Session, task: TaskView, instruction: string): Promise<void> {
  const path = `/api/v1/tasks/${encodeURIComponent(task.id)}/logs/${encodeURIComponent(instruction)}`;
  const { body } = await api.sendOk(path, {}, context.stop);
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) context.stdout.write(decoder.decode(chunk, { stream: true }));
  context.stdout.write(decoder.decode());
}

/** Logs as they are stored now, one after the other; a heading before each where there are several. */
async function printStored(session: Session, { build, taskId, instruction }: Wanted): Promise<void> {
  const { stdout } = session.context;
  const tasks = [...build.tasks, ...build.earlierRuns].filter(({ id }) => taskId === '' || id === taskId);
  const shown = tasks.flatMap((task) =>
    task.instructions
      .filter(({ name, status }) =>
        instruction === '' ? status !== 'CREATED' && status !== 'SKIPPED' : name === instruction,
      )
      .map(({ name }) => ({ task, name })),
  );
  for (const { task, name } of shown) {
    if (shown.length > 1) stdout.write(`▸ ${tasks.length > 1 ? `${task.name} / ` : ''}${name}\n`);
    await printLog(session, task, name);
  }
}

/** Shows what is there and what comes, until the build is over or `stop` aborts. Exits 1 when what was followed failed. */
async function follow(
  { api, context, clock }: Session,
  { build: first, taskId, instruction }: Wanted,
): Promise<number> {
  const { stdout, stop } = context;
  let build = first;
  let state = NOTHING_TOLD;
  const verdict = () => build.tasks.find(({ id }) => id === taskId)?.status ?? build.status;
  const over = () => taskId !== '' && ['COMPLETED', 'FAILED', 'ABORTED', 'SKIPPED'].includes(verdict());
  try {
    for await (const event of followBuild(
      { client: createHubClient(api), clock, random: systemRandom },
      first.id,
      stop,
    )) {
      if (event.kind === 'build') build = { ...event.build, tasks: event.build.tasks };
      const other = event.kind === 'log' && taskId !== '' && event.taskId !== taskId;
      const elsewhere = event.kind === 'log' && instruction !== '' && event.instruction !== instruction;
      if (other || elsewhere) continue;
      const seen = event.kind === 'build' && taskId !== '' ? only(event, taskId) : event;
      const rendered = renderEvent(state, seen, stdout.colour);
      state = rendered.state;
      if (rendered.lines.length > 0) stdout.write(`${rendered.lines.join('\n')}\n`);
      if (over()) break;
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  return ['FAILED', 'ABORTED'].includes(verdict()) ? EXIT.jobFailed : EXIT.ok;
}

/** A build of which only one task is told. */
function only(event: { readonly kind: 'build'; readonly build: PublishedBuild }, taskId: string) {
  return { ...event, build: { ...event.build, tasks: event.build.tasks.filter(({ id }) => id === taskId) } };
}

const GROUP: VerbGroup = {
  name: 'logs',
  summary: 'Logs of a task or a build.',
  verbs: [
    {
      word: '',
      summary: 'Print the logs of a task, of one of its instructions, or of a whole build.',
      examples: [
        ['pwagent logs 1790000000000456', 'all instructions of a task'],
        ['pwagent logs 1790000000000456 main > main.log', 'one of them'],
        ['pwagent logs -f 1790000000000123', 'a build, until it is over; exits 1 when it failed'],
      ],
      define: (command) =>
        command
          .argument('<id>', 'id of a task or of a build')
          .argument('[instruction]', 'name of an instruction of the task')
          .option('-f, --follow', 'go on until it is over', false),
      async act(session, flags, [id = '', instruction = '']) {
        const wanted = await find(session, id, instruction);
        if (flags.follow === true) return follow(session, wanted);
        return printStored(session, wanted);
      },
    },
  ],
};

/** `pwagent logs [-f] ID [INSTRUCTION]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
