import type { Environment } from '../platform/environment.ts';
import type { TraceContext } from './telemetry/telemetry.ts';

/** Variables of the worker that tasks may see: what a shell and common tools need, and nothing that could be a secret. */
const PASSED = new Set(
  [
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TERM',
    'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE REQUESTS_CA_BUNDLE',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
    'DEVELOPER_DIR SDKROOT JAVA_HOME ANDROID_HOME ANDROID_SDK_ROOT GOROOT GOPATH',
  ]
    .join(' ')
    .split(' '),
);

/**
 * The environment that agents, and so scripts, inherit: known harmless variables of the worker's own, and those that
 * the supervisor's configuration names. A worker's cloud keys stay with the worker, and so does its telemetry, whose
 * settings may hold a key.
 */
export function agentEnvironment(own: Environment, passedOn: readonly string[]): Environment {
  const allowed = (name: string) =>
    PASSED.has(name) || name.startsWith('LC_') || (passedOn.includes(name) && !name.startsWith('OTEL_'));
  return Object.fromEntries(Object.entries(own).filter(([name]) => allowed(name)));
}

/** Whom the tags of a task name. */
export interface TagSource {
  readonly taskId: string;
  readonly workerName: string;
  readonly hostName: string;
}

/** Tags of spans and of crash reports; specification of the worker, section 6.4. */
export function traceTags({ taskId, workerName, hostName }: TagSource): Readonly<Record<string, string>> {
  return {
    'cirrus.task_id': taskId,
    'cirrus.upstream_worker_name': workerName,
    'cirrus.upstream_hostname': hostName,
  };
}

/** W3C Trace Context, section 3.2; all zeros mean "none". */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/;

/** Section 3.3: printable ASCII, and nobody needs to carry more than 512 characters. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** Commas and equals signs separate tags, so they and what does not print are percent-encoded in values. */
function escapeTag(value: string): string {
  return value
    .toWellFormed()
    .slice(0, 200)
    .toWellFormed()
    .replace(/[^\x21-\x7e]|[%,=]/gu, encodeURIComponent);
}

/**
 * The three variables that connect an agent with the trace of its task; specification of the worker, section 6.4. A
 * trace that is not well-formed is left out, since nobody could follow it.
 */
export function traceEnvironment(trace: TraceContext, tags: Readonly<Record<string, string>>): Environment {
  const joined = Object.entries(tags).map(([name, value]) => `${name}=${escapeTag(value)}`);
  const parent = TRACEPARENT.test(trace.traceparent);
  return {
    CIRRUS_SENTRY_TAGS: joined.join(','),
    ...(parent ? { TRACEPARENT: trace.traceparent } : {}),
    ...(parent && TRACESTATE.test(trace.tracestate) ? { TRACESTATE: trace.tracestate } : {}),
  };
}
