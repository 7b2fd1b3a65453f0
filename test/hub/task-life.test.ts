import { describe, expect, test } from 'bun:test';
import { decisionsAbout } from '../../src/hub/store/decisions.ts';
import { HubUnderTest, until } from './heart-harness.ts';
import { completed, executing, failed, ScriptedWorker } from './scripted-worker.ts';

/** The only task of a build. */
const only = (build: { tasks: readonly { id: string }[] }) => build.tasks[0]?.id ?? '';

describe('a task comes to its end', () => {
  test('by the report of its agent', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const build = await hub.submit({ name: 'unit', scripts: ['setup', 'main'] });
    expect(build.status).toBe('CREATED');
    expect(build.tasks[0]).toMatchObject({ status: 'TRIGGERED', worker: null });
    const task = await worker.take();
    expect(task.taskId).toBe(only(build));
    expect(task.oldTaskId).toBe(BigInt(only(build)));
    expect(task.isolation?.type.case).toBe('none');
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'SCHEDULED', worker: 'mac-1', startedAt: null });
    await worker.started(task);
    await worker.started(task); // repeated calls change nothing
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'EXECUTING' });
    const agent = worker.agent(task);
    await agent.commands();
    await agent.updates(executing('setup'));
    await agent.updates(completed('setup'), executing('main'));
    expect((await hub.task(task.taskId)).instructions).toEqual([
      { name: 'setup', kind: 'script', status: 'COMPLETED', exitCode: 0, durationMs: 3 },
      { name: 'main', kind: 'script', status: 'EXECUTING', exitCode: null, durationMs: null },
    ]);
    await agent.finished(executing('setup'), completed('setup'), executing('main'), completed('main'));
    expect(await hub.heart.core.getBuild(build.id)).toMatchObject({ status: 'COMPLETED' });
    expect((await hub.heart.core.listWorkers())[0]?.runningTasks).toEqual([task.taskId]);
    await worker.stopped(task);
    expect((await hub.heart.core.listWorkers())[0]?.runningTasks).toEqual([]);
    expect(hub.bugs).toEqual([]);
  });

  test.each([
    [
      'a failed instruction',
      async (worker: ScriptedWorker, task: never) => {
        await worker.agent(task).finished(failed('main', 7));
      },
      'instruction "main" failed with exit code 7',
    ],
    [
      'the worker could not run it',
      async (worker: ScriptedWorker, task: never) => {
        await worker.failed(task, 'tart: no such image');
      },
      'tart: no such image',
    ],
    [
      'its agent vanished',
      async (worker: ScriptedWorker, task: never) => {
        await worker.agent(task).updates(executing('main'));
      },
      'the agent ended during instruction "main" without reporting a result',
    ],
  ] as const)('FAILED: %s', async (_title, happen, reason) => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const build = await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    await happen(worker, task as never);
    await worker.stopped(task);
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'FAILED', reason });
    expect(await hub.heart.core.getBuild(build.id)).toMatchObject({ status: 'FAILED' });
  });

  test('whose instance could not be made: its place is free without TaskStopped', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'one' }, { name: 'two' });
    const task = await worker.take();
    await worker.failed(task, 'security settings forbid "none"');
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'FAILED', reason: 'security settings forbid "none"' });
    expect((await worker.take()).taskId).not.toBe(task.taskId);
  });

  test('the result of the agent stands, whatever the worker says later', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    await worker.agent(task).finished(completed());
    await worker.failed(task, 'too late');
    await worker.stopped(task);
    await worker.stopped(task);
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'COMPLETED', reason: null });
  });

  test('a warning of the agent is taken, an error becomes the reason', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    const { CirrusCIService } = await import('../../src/rpc/gen/cirrus_ci_service_pb.ts');
    const { call } = worker.agent(task);
    const report = { message: 'disk full' };
    await worker.client.unary(CirrusCIService.method.reportAgentWarning, report, call, AbortSignal.timeout(9_000));
    await worker.client.unary(CirrusCIService.method.reportAgentError, report, call, AbortSignal.timeout(9_000));
    await worker.stopped(task);
    expect((await hub.task(task.taskId)).reason).toEndWith(
      'before instruction "main" without reporting a result: disk full',
    );
  });
});

describe('between tasks of a build', () => {
  test('one starts when all it depends on has completed', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const build = await hub.submit({ name: 'a' }, { name: 'b', needs: ['a'] });
    expect(build.tasks[1]).toMatchObject({ status: 'CREATED', reason: 'waits for "a"', dependsOn: [only(build)] });
    await worker.run(await worker.take(), completed());
    await worker.run(await worker.take(), completed());
    expect(await hub.heart.core.getBuild(build.id)).toMatchObject({ status: 'COMPLETED' });
  });

  test('a failure aborts what depends on it, and nothing else', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const build = await hub.submit({ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c' });
    await worker.run(await worker.take(), failed());
    const [, b, c] = (await hub.heart.core.getBuild(build.id))?.tasks ?? [];
    expect(b).toMatchObject({ status: 'ABORTED', reason: 'task "a", which it depends on, failed' });
    expect(b?.instructions.map(({ status }) => status)).toEqual(['SKIPPED']);
    expect(c?.status).toMatch(/TRIGGERED|SCHEDULED/);
    expect(await hub.store.read((sql) => decisionsAbout(sql, Number(b?.id)))).toMatchObject([{ kind: 'aborted' }]);
  });

  test('two run at once within resources, the third waits for a place and is handed out with its end', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub, 'mac-1', {}, { vm: 2 });
    await hub.submit(...['a', 'b', 'c'].map((name) => ({ name, resources: { vm: 1 } })));
    const { tasksToStart } = await worker.poll();
    expect(tasksToStart.map(({ resourcesToUse }) => resourcesToUse)).toEqual([{ vm: 1 }, { vm: 1 }]);
    const ids = tasksToStart.map(({ taskId }) => taskId);
    for (const task of tasksToStart) await worker.started(task);
    const held = worker.poll(ids, { vm: 2 });
    const [, , c] = (await hub.heart.core.listBuilds({ limit: 1, after: undefined })).items[0]?.tasks ?? [];
    await until(async () => (await hub.task(c?.id ?? '')).reason === 'waits for a free place on mac-1');
    const [first] = tasksToStart;
    if (first === undefined) throw new Error('no task');
    await worker.agent(first).finished(completed());
    await worker.stopped(first);
    expect((await held).tasksToStart.map(({ taskId }) => taskId)).toEqual([c?.id ?? '']);
  });
});

test('the environment is ours, then the source, then the task, and its secret parts are named', async () => {
  await using hub = await HubUnderTest.start();
  const worker = await ScriptedWorker.join(hub);
  const build = await hub.submit(
    { name: 'unit', env: { CI: 'mine', OWN: '1' }, properties: { timeout_in: '90' } },
    { name: 'other', labels: { os: 'plan9' } },
  );
  const task = await worker.take();
  const commands = await worker.agent(task).commands();
  expect(commands.environment).toEqual({
    CI: 'mine',
    OWN: '1',
    CONTINUOUS_INTEGRATION: 'true',
    CIRRUS_CI: 'true',
    CIRRUS_ENVIRONMENT: 'pwagent',
    CIRRUS_BUILD_ID: build.id,
    CIRRUS_TASK_ID: task.taskId,
    CIRRUS_TASK_NAME: 'unit',
    CI_NODE_INDEX: '0',
    CI_NODE_TOTAL: '2',
    CIRRUS_USER_COLLABORATOR: 'true',
    CIRRUS_USER_PERMISSION: 'write',
    CIRRUS_BRANCH: 'main',
    CIRRUS_BUILD_SOURCE: 'submit',
    CIRRUS_CHANGE_IN_REPO: 'abc',
    CIRRUS_CHANGE_MESSAGE: 'work',
    CIRRUS_CHANGE_TITLE: 'work',
    CIRRUS_REPO_OWNER: 'local',
    CIRRUS_REPO_NAME: 'worktree',
    CIRRUS_REPO_FULL_NAME: 'local/worktree',
    CIRRUS_REPO_CLONE_URL: `http://x/s3cr3t?for=${90_000 + 15 * 60_000}`,
  });
  expect(commands).toMatchObject({ serverToken: task.serverSecret, timeoutInSeconds: 90n, failedAtLeastOnce: false });
  expect(commands.secretsToMask).toEqual(['s3cr3t']);
  expect(commands.commands.map(({ name }) => name)).toEqual(['main']);
  await worker.agent(task).updates(failed('main'));
  expect((await worker.agent(task).commands()).failedAtLeastOnce).toBe(true);
});

test('watchers hear of changes of their build, once for many', async () => {
  await using hub = await HubUnderTest.start();
  const worker = await ScriptedWorker.join(hub);
  const build = await hub.submit({ name: 'unit' });
  const other = await hub.submit({ name: 'other', labels: { os: 'plan9' } });
  const heard = { own: 0, other: 0 };
  const stop = new AbortController();
  hub.heart.core.watch(build.id, () => void heard.own++, stop.signal);
  hub.heart.core.watch(other.id, () => void heard.other++, stop.signal);
  const task = await worker.take();
  await until(() => heard.own > 0);
  const quiet = heard.other;
  await worker.started(task);
  await until(() => heard.own > 1);
  expect(heard.other).toBe(quiet);
  stop.abort();
  const before = heard.own;
  await worker.stopped(task);
  expect(heard.own).toBe(before);
});
