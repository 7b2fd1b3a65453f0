import { isLoopbackHost } from '../http/access.ts';

/** How a task's agent can reach the content of caches and artifacts. */
export type AgentRoute =
  /** By HTTP at the hub's public address. */
  | { readonly kind: 'http' }
  /** Only by the gRPC address that its calls come from: `address` as cache addresses name it. */
  | { readonly kind: 'grpc'; readonly address: string };

/** `http://` → `grpc://`, `https://` → `grpcs://`, anything else unchanged (wire protocol, section 4). */
export function streamAddress(apiEndpoint: string): string {
  return apiEndpoint.replace(/^http(s?):\/\//, 'grpc$1://');
}

function hostOf(endpoint: string): string | undefined {
  const text = endpoint.includes('://') ? endpoint : `https://${endpoint}`;
  return URL.canParse(text) ? new URL(text).hostname.toLowerCase() : undefined;
}

/**
 * Decides by what the agent says that it calls (`org.cirruslabs.api-endpoint`). An address that the operator gave with
 * --public-url is a promise that tasks reach it. One that the hub only knows from where it listens is right for agents
 * that call the same host; an agent in a virtual machine or container, which comes through a forwarded port or a socket,
 * is sure to reach nothing but what it calls already.
 */
export function agentRoute(
  apiEndpoint: string,
  publicUrl: { readonly text: string; readonly given: boolean },
): AgentRoute {
  if (apiEndpoint === '' || publicUrl.given) return { kind: 'http' };
  const [agentSide, hubSide] = [hostOf(apiEndpoint), hostOf(publicUrl.text)];
  const same =
    agentSide === hubSide ||
    (agentSide !== undefined && hubSide !== undefined && isLoopbackHost(agentSide) && isLoopbackHost(hubSide));
  return !apiEndpoint.startsWith('unix:') && same
    ? { kind: 'http' }
    : { kind: 'grpc', address: streamAddress(apiEndpoint) };
}
