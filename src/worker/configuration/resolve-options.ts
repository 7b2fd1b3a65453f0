import { AppError } from '../../lib/errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { type Endpoint, parseEndpoint } from '../../rpc/endpoint.ts';
import { reservedLabelProblem } from '../labels.ts';
import { DEFAULT_POLICY } from '../policy/security-policy.ts';
import type { LogSettings, ResourceModifier, TartPrePull, UpstreamOptions, WorkerOptions } from './options.ts';
import type { Settings } from './settings.ts';
import type { WorkerFile } from './worker-file.ts';

/** Where a hub on the same machine listens by default. */
export const DEFAULT_ENDPOINT = 'http://127.0.0.1:7481';

/** Whether an endpoint is one of the hosted service, whatever its form. */
export function isClosedService(text: string): boolean {
  return /(?:^|[./@])cirrus-ci\.com\.?(?::\d+)?\/?$/i.test(text);
}

/** Reads an endpoint. The hosted service is gone: a worker that still points there would wait for ever. */
export function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (!isClosedService(endpoint.target)) return endpoint;
  throw new AppError('CONFIG', `endpoint ${text}: the hosted Cirrus CI service closed on 1 June 2026`, {
    hint: 'run `pwagent hub` and name it with --rpc-endpoint or rpc.endpoint',
  });
}

/** Names and tokens travel in headers, which hold printable ASCII alone; wire protocol, section 4. */
const IN_HEADER = /^[\x20-\x7e]{1,1000}$/;

function nameOf(file: WorkerFile, { name: given }: Settings, defaultName: string): string {
  const name = given?.value ?? file.name ?? defaultName;
  if (IN_HEADER.test(name)) return name;
  throw new AppError('CONFIG', `the name ${JSON.stringify(name)} cannot be sent`, {
    hint: 'give --name with 1 to 1000 letters, digits and signs of ASCII',
  });
}

function checkToken(token: Secret): Secret {
  if (IN_HEADER.test(token.reveal())) return token;
  throw new AppError('CONFIG', 'the registration token holds characters that no token has', {
    hint: 'look for a line break, a quote mark of a word processor, or a file that is no token',
  });
}

function refuseBoth(what: string, key: string): AppError {
  return new AppError('CONFIG', `${what} and upstreams exclude each other`, {
    hint: `write the ${key} into the entries of upstreams, or leave upstreams out`,
  });
}

/** A list of upstreams stands alone; specification of the worker, section 3.3. */
function checkUpstreamsAlone(file: WorkerFile, { token, rpcEndpoint }: Settings): void {
  const tokenFrom = token?.from ?? (file.token == null ? undefined : 'token');
  if (tokenFrom !== undefined) throw refuseBoth(tokenFrom, 'token');
  const endpoint = rpcEndpoint?.value ?? file.rpc?.endpoint ?? DEFAULT_ENDPOINT;
  if (endpointOf(endpoint).target !== endpointOf(DEFAULT_ENDPOINT).target)
    throw refuseBoth(rpcEndpoint?.from ?? 'rpc.endpoint', 'endpoint');
}

function upstreamsOf(file: WorkerFile, settings: Settings): readonly [UpstreamOptions, ...UpstreamOptions[]] {
  const [first, ...more] = (file.upstreams ?? []).map(({ token, endpoint }) => ({
    token: checkToken(token),
    endpoint: endpointOf(endpoint ?? DEFAULT_ENDPOINT),
  }));
  if (first !== undefined) {
    checkUpstreamsAlone(file, settings);
    return [first, ...more];
  }
  const token = settings.token?.value ?? file.token;
  if (token == null || token.reveal() === '') {
    throw new AppError('CONFIG', 'no registration token', {
      hint: 'give --token-file FILE (the hub wrote one as registration-token in its data folder) or `token:` in the configuration file',
    });
  }
  return [
    {
      token: checkToken(token),
      endpoint: endpointOf(settings.rpcEndpoint?.value ?? file.rpc?.endpoint ?? DEFAULT_ENDPOINT),
    },
  ];
}

function logOf({ log }: WorkerFile, settings: Settings): LogSettings {
  return {
    level: settings.logLevel?.value ?? log?.level ?? 'info',
    file: log?.file ?? undefined,
    rotateSizeBytes: log?.['rotate-size'] || undefined,
    maxRotations: log?.['max-rotations'] ?? 0,
  };
}

function prePullOf({ 'tart-pre-pull': own }: WorkerFile): TartPrePull | undefined {
  if (own == null || (own.images ?? []).length === 0) return undefined;
  return { images: own.images ?? [], checkIntervalMs: own['check-interval'] ?? 0, jitterMs: own.jitter ?? 0 };
}

function modifiersOf({ 'resource-modifiers': own }: WorkerFile): ResourceModifier[] {
  return (own ?? []).map(({ match, append }) => ({ match: match ?? {}, append: { run: append?.run ?? [] } }));
}

/**
 * The whole configuration: defaults < file < `settings` (the environment's, with those of flags on top); labels and
 * resources key by key. Throws `AppError` (CONFIG) for what is missing, wrong, or excludes each other.
 */
export function resolveWorkerOptions(file: WorkerFile, settings: Settings, defaultName: string): WorkerOptions {
  const reserved = reservedLabelProblem(settings.labels?.value ?? {});
  if (reserved !== undefined)
    throw new AppError('CONFIG', `${settings.labels?.from}: "${reserved.label}" is reserved`, { hint: reserved.hint });
  return {
    name: nameOf(file, settings, defaultName),
    labels: { ...file.labels, ...settings.labels?.value },
    resources: { ...file.resources, ...settings.resources?.value },
    upstreams: upstreamsOf(file, settings),
    log: logOf(file, settings),
    security: file.security ?? DEFAULT_POLICY,
    standby: file.standby,
    tartPrePull: prePullOf(file),
    resourceModifiers: modifiersOf(file),
    tuning: { vetu: { mtu: file.tuning?.vetu?.mtu || undefined } },
    ephemeral: settings.ephemeral ?? false,
    exitOnRefusal: settings.exitOnRefusal ?? false,
  };
}
