import { join } from 'node:path';
import type { Environment } from '../../platform/environment.ts';

/** Everything that the demo writes lies below one temporary folder. */
export interface DemoPaths {
  readonly root: string;
  readonly hubData: string;
  readonly supervisorConfig: string;
  readonly workerConfig: string;
  readonly state: string;
  readonly socket: string;
  readonly hubLog: string;
  readonly supervisorLog: string;
  readonly workerLog: string;
  /** Where tasks put their temporary files. */
  readonly temporary: string;
}

export function demoPaths(root: string): DemoPaths {
  return {
    root,
    hubData: join(root, 'hub'),
    supervisorConfig: join(root, 'pwagent.yml'),
    workerConfig: join(root, 'worker.yml'),
    state: join(root, 'state'),
    socket: join(root, 'pwagent.sock'),
    hubLog: join(root, 'hub.log'),
    supervisorLog: join(root, 'supervisor.log'),
    workerLog: join(root, 'worker.log'),
    temporary: join(root, 'tmp'),
  };
}

/**
 * Variables of the caller that tasks need to install packages as the caller would: npm's settings, proxies, certificates;
 * and the runtime's, with which `npm start` keeps it from writing a cache into the home folder.
 */
const PASSED =
  /^(npm_config_\w+|(https?|no|all)_proxy|ssl_cert_(file|dir)|node_extra_ca_certs|curl_ca_bundle|requests_ca_bundle|xdg_cache_home|bun_runtime_transpiler_cache_path|lang|lc_\w+)$/i;

/** npm names the folder of the package that it runs; a task has another. */
const NOT_PASSED = new Set(['npm_config_local_prefix']);

/** What of the caller's environment the demo's worker and tasks see, besides PATH and HOME. */
export function passedEnvironment(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.test(name) && !NOT_PASSED.has(name)));
}

/** The supervisor's configuration, as in `docs/configuration.md`; nothing in it can power off a machine. */
export function supervisorConfiguration(paths: DemoPaths, user: string, hubUrl: string, env: Environment) {
  const environment = {
    ...passedEnvironment(env),
    ...(env.HOME === undefined ? {} : { HOME: env.HOME }),
    TMPDIR: paths.temporary,
  };
  return {
    name: 'demo',
    metadata: { source: 'none' },
    worker: {
      user,
      directory: paths.root,
      config: paths.workerConfig,
      'token-file': join(paths.hubData, 'registration-token'),
      'log-file': paths.workerLog,
      ...(env.PATH === undefined ? {} : { path: env.PATH }),
      environment,
    },
    disk: { 'min-free': 0 },
    hub: { url: hubUrl, 'token-file': join(paths.hubData, 'registration-token') },
    'state-dir': paths.state,
    control: { socket: paths.socket },
  };
}

/** The worker's configuration: enough resources for two tasks at a time. */
export function workerConfiguration(grpcPort: number) {
  return {
    name: 'demo',
    labels: { demo: 'true' },
    resources: { cpu: 2 },
    rpc: { endpoint: `http://127.0.0.1:${grpcPort}` },
  };
}

/** A work tree for people who start the demo where no `.cirrus.yml` is. */
export const SAMPLE_PROJECT: Readonly<Record<string, string>> = {
  '.cirrus.yml': `# A first .cirrus.yml: two tasks, the second waits for the first.
persistent_worker: {}

hello_task:
  env:
    WHO: world
  greet_script: echo "hello $WHO, this is $CIRRUS_OS on $CIRRUS_ARCH"
  files_script: ls -l

count_task:
  depends_on: hello
  count_script:
    - for i in 1 2 3; do echo "step $i"; sleep 1; done
  always:
    goodbye_script: echo "always runs, also after a failure"
`,
  'README.md': 'Edit .cirrus.yml and submit again.\n',
};
