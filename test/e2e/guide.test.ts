import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { goArch } from '../../src/platform/host.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

const GUIDE = readFileSync(resolve(import.meta.dir, '../conformance/persistent-workers.md'), 'utf8');
/** The guide's blocks that belong into a `.cirrus.yml`; the others configure a worker. */
const BLOCKS = [...GUIDE.matchAll(/```yaml\n(.*?)```/gs)]
  .map(([, block = '']) => block)
  .filter((block) => /^(?:task|persistent_worker):/m.test(block));

/** What the guide promises of a task. */
interface Listed {
  readonly name: string;
  readonly scripts: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources?: Readonly<Record<string, number>>;
  readonly isolation?: unknown;
}

const MONTEREY = { tart: { image: 'ghcr.io/cirruslabs/macos-monterey-base:latest', user: 'admin', password: 'admin' } };
const VENTURA = { tart: { image: 'ghcr.io/cirruslabs/macos-ventura-base:latest', user: 'admin', password: 'admin' } };
const UBUNTU = { vetu: { image: 'ghcr.io/cirruslabs/ubuntu:latest', user: 'admin', password: 'admin' } };
const DEBIAN = {
  container: {
    image: 'debian:latest',
    cpu: 24,
    memory: 131_072,
    volumes: [
      { source: '/path/on/host', target: '/path/in/container' },
      { source: '/tmp/persistent-cache', target: '/tmp/cache', readOnly: true },
    ],
  },
};
const ONE_VM = { 'tart-vms': 1 };

/** In the order of the guide. */
const LISTS: readonly (readonly [string, readonly Listed[]])[] = [
  [
    'resources',
    [
      { name: 'Test', scripts: ['make test'], resources: ONE_VM, isolation: MONTEREY },
      { name: 'Build', scripts: ['make build'], resources: ONE_VM, isolation: MONTEREY },
      { name: 'Release', scripts: ['make release'], resources: ONE_VM, isolation: MONTEREY },
    ],
  ],
  ['labels', [{ name: 'main', scripts: ['echo "running on-premise"'], labels: { os: 'darwin', arch: 'arm64' } }]],
  ['container', [{ name: 'main', scripts: ['uname -a'], isolation: DEBIAN }]],
  ['tart', [{ name: 'main', scripts: ['uname -a'], isolation: VENTURA }]],
  ['vetu', [{ name: 'main', scripts: ['uname -a'], isolation: UBUNTU }]],
  ['standby, which has no task', []],
];

interface PrintedTask {
  readonly name: string;
  readonly commands: readonly { readonly scriptInstruction?: { readonly scripts: readonly string[] } }[];
  readonly instance: Omit<Listed, 'name' | 'scripts'> & { readonly '@type': string };
}

function listedOf({ name, commands, instance }: PrintedTask): Listed {
  const { '@type': type, ...place } = instance;
  expect(type).toEndWith('.PersistentWorkerInstance');
  return { name, scripts: commands.flatMap((command) => command.scriptInstruction?.scripts ?? []), ...place };
}

describe('every configuration of the guide is printed as it promises', () => {
  test('all of them are tried', () => expect(BLOCKS).toHaveLength(LISTS.length));

  test.each(LISTS.map(([title, tasks], index) => [title, BLOCKS[index] ?? '', tasks] as const))(
    '%s',
    async (_title, block, tasks) => {
      const path = cluster.file('.cirrus.yml', block);
      const { code, stdout, stderr } = await cluster.run(['validate', path, '--format', 'json']);
      expect([code, stderr]).toEqual([0, '']);
      expect((JSON.parse(stdout) as PrintedTask[]).map(listedOf)).toEqual([...tasks]);
    },
  );
});

/** The only one that needs neither a virtual machine nor a container. */
const BARE = BLOCKS.find((block) => !block.includes('isolation:')) ?? '';
const OWN = BARE.replace('os: darwin', `os: ${process.platform}`).replace('arch: arm64', `arch: ${goArch()}`);
const OTHER = BARE.replace('os: darwin', `os: ${process.platform === 'darwin' ? 'linux' : 'darwin'}`);

describe('the task of the guide that needs no isolation', () => {
  test('is the only one', () => expect(BLOCKS.filter((block) => !block.includes('isolation:'))).toEqual([BARE]));

  test('runs on a machine with its labels', async () => {
    await cluster.startHub();
    cluster.startWorker();
    const { code, stdout, stderr } = await cluster.submit(cluster.workTree(OWN));
    expect(stdout).toContain('running on-premise\n');
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
  });

  test('waits on a machine of another system, and names the label', async () => {
    await cluster.startHub();
    cluster.startWorker();
    cluster.start(cluster.submitArgs(cluster.workTree(OTHER)));
    const wanted = /os: (\w+)/.exec(OTHER)?.[1];
    const reason = await waitFor('it tells why it waits for other labels', async () => {
      const { builds } = (await (await fetch(`${cluster.hubUrl}/api/v1/builds`)).json()) as {
        builds: { tasks: { reason: string | null }[] }[];
      };
      const told = builds[0]?.tasks[0]?.reason ?? '';
      return told.includes('no worker is registered') || told === '' ? undefined : told;
    });
    expect(reason).toContain(`os=${wanted}`);
  });
});
