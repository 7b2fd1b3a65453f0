import { afterEach, beforeEach, expect } from 'bun:test';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programGap, testNeeding } from '../support/requirement.ts';
import { throwAwayUser, userGap } from '../support/throw-away-user.ts';
import { waitFor } from '../support/wait-for.ts';
import { BINARY, Cluster } from './cluster.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

testNeeding('a worker of an ordinary user', userGap() ?? programGap('setpriv'))(
  'W29: what a worker that was started by hand holds is closed to its tasks, which run as the same user',
  async () => {
    using user = throwAwayUser();
    const binary = join(user.home, '..', 'pwagent');
    copyFileSync(BINARY, binary);
    chmodSync(binary, 0o755);
    const asUser = ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'];
    cluster.binary = 'setpriv';
    const env = { PWAGENT_TOKEN: 'hunter2', HOME: user.home, TMPDIR: user.home };
    const worker = cluster.start(
      [...asUser, binary, 'worker', 'run', '--rpc-endpoint', 'http://127.0.0.1:1'],
      env,
      user.home,
    );
    await waitFor('it runs', () => worker.stderr().includes('worker starts'));
    expect(worker.stderr()).not.toContain('hunter2');
    const look = async (file: string) => cluster.run([...asUser, 'head', '-c', '1', `/proc/${worker.pid}/${file}`]);
    expect(await look('cmdline')).toMatchObject({ code: 0 }); // the looking works
    for (const file of ['environ', 'mem', 'maps'])
      expect([file, (await look(file)).stderr]).toEqual([file, expect.stringContaining('ermission denied')]);
    expect(readFileSync(`/proc/${worker.pid}/cmdline`, 'utf8')).not.toContain('hunter2');
    process.kill(worker.pid, 'SIGTERM');
    expect((await worker.exited).code).toBe(0);
  },
);
