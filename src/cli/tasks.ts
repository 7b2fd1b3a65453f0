import { z } from 'zod';
import { taskSchema } from '../hub/http/wire.ts';
import { decisionSchema, whySchema } from '../hub/http/wire-why.ts';
import type { TaskView, WhyView } from '../hub/model.ts';
import { formatDuration } from '../lib/duration.ts';
import type { CliContext } from './context.ts';
import { describeWhy } from './hub-cli/describe-why.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { ago, type Cell, table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';
import { verdictOf } from './submit/text-style.ts';

const listAnswer = z.object({ tasks: z.array(taskSchema), next: z.string().nullable() });
const decisionsAnswer = z.object({ decisions: z.array(decisionSchema) });
const pathOf = (id: string) => `/tasks/${encodeURIComponent(id)}`;

function verdictCell({ status }: Pick<TaskView, 'status'>): Cell {
  const { sign, word, code } = verdictOf(status);
  return [`${sign} ${word}`, code];
}

function rowOf(task: TaskView, nowMs: number): Cell[] {
  const created = ago(task.createdAt, nowMs, formatDuration);
  return [task.id, task.buildId, task.name, verdictCell(task), created, task.worker ?? '', task.reason ?? ''];
}

function describe(task: TaskView, nowMs: number, colour: boolean): string {
  const pairs = (map: Readonly<Record<string, unknown>>) =>
    Object.entries(map)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
  const facts: Cell[][] = [
    ['build', task.buildId],
    ['name', task.name],
    ['status', verdictCell(task)],
    ['reason', task.reason ?? ''],
    ['worker', task.worker ?? ''],
    ['labels', pairs(task.labels)],
    ['resources', pairs(task.resources)],
    ['created', ago(task.createdAt, nowMs, formatDuration)],
    ['run', `${task.run} (${task.runCause})`],
  ];
  const steps = task.instructions.map((step): Cell[] => {
    const took = step.durationMs === null ? '' : formatDuration(step.durationMs);
    const code = step.exitCode === null ? '' : String(step.exitCode);
    return [step.name, step.kind, verdictCell(step), took, code];
  });
  const known = facts.filter(([, value]) => value !== '');
  return `${table(['TASK', task.id], known, colour)}\n${table(['INSTRUCTION', 'KIND', 'STATUS', 'TOOK', 'EXIT'], steps, colour)}`;
}

const list: Verb = {
  word: 'list',
  summary: 'list tasks, newest first',
  examples: [
    ['pwagent tasks --status TRIGGERED', 'those that wait for a worker'],
    ['pwagent tasks list --build 1790000000000123 --json', 'those of one build, for machines'],
  ],
  define: (command) =>
    withLimit(command).option('--status <status>', 'only those').option('--build <id>', 'only those of a build'),
  async act(session, flags) {
    const query = {
      status: flags.status === undefined ? undefined : String(flags.status).toUpperCase(),
      build: flags.build,
    };
    const shape = { schema: listAnswer, items: ({ tasks }: z.output<typeof listAnswer>) => tasks };
    const { items, next } = await listAll(session, flags, '/tasks', shape, query);
    const heads = ['TASK', 'BUILD', 'NAME', 'STATUS', 'CREATED', 'WORKER', 'REASON'];
    const nowMs = session.clock.wallMs();
    session.show({ tasks: items, next }, () =>
      table(
        heads,
        items.map((task) => rowOf(task, nowMs)),
        session.context.stdout.colour,
      ),
    );
  },
};

const show: Verb = {
  word: 'show',
  summary: 'show one task with its instructions',
  examples: [['pwagent tasks show 1790000000000456', 'by its id']],
  define: (command) => command.argument('<id>', 'id of the task'),
  async act({ api, context, clock, show: print }, _flags, [id = '']) {
    const task = await api.ask(pathOf(id), taskSchema, context.stop);
    print(task, () => describe(task, clock.wallMs(), context.stdout.colour));
  },
};

const why: Verb = {
  word: 'why',
  summary: 'tell why a task stands where it stands',
  examples: [['pwagent tasks why 1790000000000456', 'what it waits for, and which workers could take it']],
  define: (command) => command.argument('<id>', 'id of the task'),
  async act({ api, context, show: print }, _flags, [id = '']) {
    const answer: WhyView = await api.ask(`${pathOf(id)}/why`, whySchema, context.stop);
    print(answer, () => describeWhy(answer, context.stdout.colour));
  },
};

const trigger: Verb = {
  word: 'trigger',
  summary: 'let a task with trigger_type: manual go',
  examples: [['pwagent tasks trigger 1790000000000456', 'deploy now']],
  define: (command) => command.argument('<id>', 'id of the task'),
  async act({ api, context, show: print }, _flags, [id = '']) {
    const task = await api.ask(`${pathOf(id)}/trigger`, taskSchema, context.stop, { method: 'POST' });
    print(task, () => `task ${task.id} (${task.name}) goes on\n`);
  },
};

const decisions: Verb = {
  word: 'decisions',
  summary: 'list what the hub decided about a task, with its reasons',
  examples: [['pwagent tasks decisions 1790000000000456', 'placements, losses, re-runs']],
  define: (command) => command.argument('<id>', 'id of the task'),
  async act({ api, context, show: print }, _flags, [id = '']) {
    const answer = await api.ask(`${pathOf(id)}/decisions`, decisionsAnswer, context.stop);
    const rows = answer.decisions.map(({ at, kind, worker, reason }) => [at, kind, worker ?? '', reason]);
    print(answer, () => table(['AT', 'DECISION', 'WORKER', 'REASON'], rows, context.stdout.colour));
  },
};

const GROUP: VerbGroup = { name: 'tasks', summary: 'Tasks of a hub.', verbs: [list, show, why, trigger, decisions] };

/** `pwagent tasks [list|show|why|trigger|decisions]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
