import { afterEach, beforeEach, describe, expect } from 'bun:test';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testNeeding } from '../support/requirement.ts';
import { processesOf, type ThrowAwayUser, throwAwayUser, userGap } from '../support/throw-away-user.ts';
import { waitFor } from '../support/wait-for.ts';
import { BINARY, Cluster, type Started } from './cluster.ts';

/**
 * Tasks that attack the machine, as a worker's user of their own, against the compiled executable. The supervisor is
 * root and not armed: its shutdown is a script that notes what is left of the user at that moment.
 */
const hostile = testNeeding('tasks that attack the machine', userGap());

/** `npm run test:deep` tries each attack with these full numbers, several times; the suite with small ones. */
const FULL = process.env.PWAGENT_TEST_FULL === '1';
const BOMB = FULL ? { processes: 1_000, lifetime: '15s' } : { processes: 200, lifetime: '8s' };
const SMALL_DISK = FULL ? '64m' : '2m';
const PROBE_ROUNDS = FULL ? 50 : 1;

const BOUND_MS = FULL ? 120_000 : 60_000;

let cluster: Cluster;
let user: ThrowAwayUser | undefined;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(async () => {
  await cluster.close();
  user?.[Symbol.dispose]();
  user = undefined;
});

interface Scene {
  readonly user: ThrowAwayUser;
  /** A folder that everybody reaches; the user's home is in it. */
  readonly base: string;
  readonly state: string;
}

function makeScene(): Scene {
  const made = throwAwayUser();
  user = made;
  const base = join(made.home, '..');
  cluster.binary = join(base, 'pwagent');
  copyFileSync(BINARY, cluster.binary);
  chmodSync(cluster.binary, 0o755);
  return { user: made, base, state: join(cluster.root, 'state') };
}

/** The supervisor, started by `through`, which ends in an exec of its own words. */
function supervise(
  { user: worker, state }: Scene,
  lifetime: string,
  more = '',
  through: readonly string[] = [],
): Started {
  const counting = `/^State:/ {s = $2} /^Uid:/ && $2 == ${worker.uid} && s != "Z" {n++} END {print n + 0}`;
  const count = `cat /proc/[0-9]*/status 2>/dev/null | awk '${counting}'`;
  const record = cluster.file(
    'record.sh',
    `#!/bin/sh\necho "left $(${count})" >> ${join(cluster.root, 'shutdowns')}\n`,
    0o755,
  );
  cluster.file('worker.yml', `name: w1\nrpc: {endpoint: "http://127.0.0.1:${cluster.grpcPort}"}\n`);
  const config = cluster.file(
    'pwagent.yml',
    `name: box
metadata: {source: none}
lifetime: {${lifetime}}
worker:
  user: ${worker.name}
  dedicated: true
  config: ${join(cluster.root, 'worker.yml')}
  token-file: ${join(cluster.data, 'registration-token')}
  grace: 1s
  path: "${process.env.PATH}"
  ${more}
shutdown: {command: ["${record}"], step-timeout: 5s}
disk: {min-free: 0}
state-dir: ${state}
control: {socket: ${join(cluster.root, 's.sock')}}
`,
  );
  const own = cluster.binary;
  if (through.length === 0) return cluster.start(['run', '--config', config]);
  const [program = '', ...words] = through;
  cluster.binary = program;
  const started = cluster.start([...words, own, 'run', '--config', config]);
  cluster.binary = own;
  return started;
}

interface Status {
  readonly phase: string;
  readonly worker: { readonly pid: number | null };
}

async function status(): Promise<{ code: number | null; status: Status }> {
  const { code, stdout } = await cluster.run(['status', '--socket', join(cluster.root, 's.sock'), '--json']);
  return { code, status: stdout === '' ? { phase: 'none', worker: { pid: null } } : (JSON.parse(stdout) as Status) };
}

async function serving(supervisor: Started): Promise<number> {
  const pid = await waitFor(
    'the supervisor serves',
    async () => {
      if (supervisor.child.exitCode !== null) throw new Error(supervisor.stderr());
      const now = await status();
      return now.code === 0 && now.status.worker.pid;
    },
    BOUND_MS,
  );
  return Number(pid);
}

/** Starts a task of this shell script; `submit` is left running. */
function attack(script: string): void {
  const tree = cluster.workTree('persistent_worker: {}\nt_task: {x_script: sh attack.sh}\n', { 'attack.sh': script });
  cluster.start(cluster.submitArgs(tree));
}

/** Waits for the first shutdown; returns how many processes of the user were left when it was ordered. */
async function shutdown(withinMs = BOUND_MS): Promise<string> {
  await waitFor('the shutdown is ordered', () => cluster.read('shutdowns').includes('left'), withinMs);
  return cluster.read('shutdowns').split('\n')[0] ?? '';
}

const LONG = 'idle-check: 1h, jitter: 0, hard-cap: 30m';

describe('a hostile task', () => {
  hostile(
    'T01 T07 T08 T09 A15: reaches neither supervisor, token, journal nor log; killing the worker ends the machine',
    async () => {
      const scene = makeScene();
      await cluster.startHub();
      const supervisor = supervise(scene, 'max: 1h, idle-check: 1h, jitter: 0, hard-cap: 2s');
      const worker = await serving(supervisor);
      const log = join(scene.state, 'worker.log');
      const said = join(scene.user.home, 'said');
      const probes: readonly (readonly [name: string, command: string])[] = [
        ['signal the supervisor', `kill -9 ${supervisor.pid}`],
        ['stop the supervisor', `kill -STOP ${supervisor.pid}`],
        ['memory of the worker', `exec 3</proc/${worker}/mem`],
        ['environment of the worker', `cat /proc/${worker}/environ`],
        ['channel of the worker', `ls /proc/${worker}/fd/3`],
        ['token', `cat ${join(cluster.data, 'registration-token')}`],
        ['configuration', `cat ${join(cluster.root, 'worker.yml')}`],
        ['journal', `rm -f ${join(scene.state, 'journal.json')} && [ ! -e ${join(scene.state, 'journal.json')} ]`],
        ['journal away', `mv ${scene.state} ${scene.state}-gone`],
        ['truncate the log', `: > ${log}`],
        ['write the log', `echo forged >> ${log}`],
        ['output of the worker', `echo forged > /proc/${worker}/fd/1`],
        ['control socket', `${cluster.binary} shutdown --reason x --socket ${join(cluster.root, 's.sock')}`],
      ];
      const lines = probes.map(
        ([name, command]) => `if ( ${command} ) >/dev/null 2>&1; then echo "${name}: yes"; fi >> ${said}`,
      );
      const decoy = `cp /bin/sleep $HOME/pwagent; setsid $HOME/pwagent 600 "worker run" & setsid sh -c 'exec sleep 601' &`;
      const probing = `for i in $(seq ${PROBE_ROUNDS}); do\n${lines.join('\n')}\ndone`;
      attack(`${probing}\necho done >> ${said}\n${decoy}\nsleep 0.3\nkill -9 ${worker}\nsleep 600\n`);
      const first = await shutdown();
      expect(readFileSync(said, 'utf8')).toBe('done\n');
      expect(first).toBe('left 0');
      expect(processesOf(scene.user.uid)).toEqual([]);
      expect(readFileSync(log, 'utf8')).not.toContain('forged');
      expect(existsSync(join(scene.state, 'journal.json'))).toBe(true);
    },
    BOUND_MS,
  );

  hostile(
    'a stopped worker is a dead one',
    async () => {
      const scene = makeScene();
      await cluster.startHub();
      const worker = await serving(
        supervise(scene, 'max: 1h, idle-check: 1h, jitter: 0, hard-cap: 1s', 'stale-after: 2s'),
      );
      attack(`kill -STOP ${worker}\nsleep 600\n`);
      expect(await shutdown()).toBe('left 0');
    },
    BOUND_MS,
  );

  hostile(
    'T06 A43 a fork bomb under a limit: the machine ends on time, and nothing of it is left before',
    async () => {
      const scene = makeScene();
      await cluster.startHub();
      const limited = ['/usr/bin/prlimit', `--nproc=${BOMB.processes}:${BOMB.processes}`];
      await serving(supervise(scene, `max: ${BOMB.lifetime}, ${LONG}`, '', limited));
      const seen = join(scene.user.home, 'seen');
      attack(`bomb() { while :; do (bomb) & sleep 0.01; done; }\ntrap "" TERM\necho on > ${seen}\nbomb\n`);
      await waitFor('the bomb goes off', () => processesOf(scene.user.uid).length > BOMB.processes / 5, BOUND_MS);
      expect(await shutdown()).toBe('left 0');
      expect(processesOf(scene.user.uid)).toEqual([]);
    },
    BOUND_MS,
  );

  hostile(
    'T05 A44 a full disk below state and log: the machine ends on time',
    async () => {
      const scene = makeScene();
      const small = join(scene.base, 'small');
      mkdirSync(small);
      await cluster.startHub();
      const script = `mount -t tmpfs -o size=${SMALL_DISK},mode=1777 tmpfs ${small} && mkdir -m 700 ${small}/state && exec "$@"`;
      const inside = ['/usr/bin/unshare', '--mount', 'sh', '-c', script, 'sh'];
      await serving(supervise({ ...scene, state: join(small, 'state') }, `max: 7s, ${LONG}`, '', inside));
      const full = join(scene.user.home, 'full');
      attack(
        `cat /dev/zero > ${small}/fill 2>/dev/null\necho x > ${small}/more 2>/dev/null || echo full > ${full}\nsleep 600\n`,
      );
      expect(await shutdown()).toBe('left 0');
      expect(existsSync(full)).toBe(true);
    },
    BOUND_MS,
  );

  hostile(
    'T02 T03 T04 A10 decoys, renamed and detached work: no deadline moves, and all of it is ended',
    async () => {
      const scene = makeScene();
      await cluster.startHub();
      await serving(supervise(scene, 'max: 1h, idle-check: 4s, jitter: 0, hard-cap: 3s, drain-poll: 500ms'));
      const decoys = `cp /bin/sleep $HOME/cirrus-ci-agent
setsid env -i $HOME/cirrus-ci-agent 600 &
(setsid sh -c 'exec /bin/sleep 602' &)
trap "" TERM INT HUP
while :; do sleep 1; done
`;
      attack(decoys);
      await waitFor('the decoys run', () => processesOf(scene.user.uid).length >= 4, BOUND_MS);
      expect(await shutdown()).toBe('left 0');
      expect(processesOf(scene.user.uid)).toEqual([]);
    },
    BOUND_MS,
  );

  hostile(
    'T10 what a task leaves running and lying about is taken back, and the next task finds a clean machine',
    async () => {
      const scene = makeScene();
      await cluster.startHub();
      const supervisor = supervise(scene, `max: 1h, ${LONG}`);
      await serving(supervisor);
      const stray = `/var/tmp/${scene.user.name}`;
      const leave = `setsid env -i /bin/sleep 603 &\necho x > ${stray}\necho evil > $HOME/.zshenv\n`;
      const build = (script: string, name: string) =>
        cluster.submit(
          cluster.workTree('persistent_worker: {}\nt_task: {x_script: sh x.sh}\n', { 'x.sh': script }, name),
        );
      expect((await build(leave, 'first')).code).toBe(0);
      await waitFor('the verdict is logged', () => /verdict\W+cleaned/.test(supervisor.stderr()), BOUND_MS);
      expect([existsSync(stray), existsSync(join(scene.user.home, '.zshenv'))]).toEqual([false, false]);
      expect((await build('ps -ef | grep -c "[s]leep 603"; exit 0', 'second')).stdout).not.toContain('sleep 603');
      expect((await status()).status.phase).toBe('serving');
    },
    BOUND_MS,
  );
});
