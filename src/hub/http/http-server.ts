import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import type { ServerCertificate } from '../../rpc/tls.ts';
import type { ConnectionFacts } from './http-app.ts';

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Serves HTTPS with it. */
  readonly tls?: ServerCertificate | undefined;
  readonly fetch: (request: Request, facts: ConnectionFacts) => Response | Promise<Response>;
  /** How long a client may take for the head of a request. */
  readonly headTimeoutS?: number;
}

export interface HttpServer {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Takes no new requests; cuts running ones off. */
  stop(): Promise<void>;
}

/** Larger bodies are cut off by the runtime; the work tree store has a limit of its own below this. */
const MAX_BODY_BYTES = 64 * 2 ** 30;
/**
 * A client that has not finished the head of its request by then is cut off, however steadily it trickles; so is a
 * connection that is kept for nothing.
 */
const HEAD_TIMEOUT_S = 10;
/** From then on: event streams send a heartbeat, and uploads their bytes, well within this. */
const IDLE_TIMEOUT_S = 120;

function listenError(error: unknown, { hostname, port, tls }: HttpServerOptions): AppError {
  const where = `${hostname}:${port}`;
  const fail = (code: 'UNAVAILABLE' | 'CONFIG', message: string, hint: string) =>
    new AppError(code, message, { hint, cause: error });
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return fail(
        'UNAVAILABLE',
        `address ${where} is taken`,
        'end the program that listens there, or use another --listen',
      );
    case 'EACCES':
      return fail('CONFIG', `this user may not listen on ${where}`, 'use a port above 1023 with --listen');
    case 'EADDRNOTAVAIL':
      return fail('CONFIG', `this machine has no address ${hostname}`, 'correct --listen');
    default:
      return tls === undefined
        ? fail('CONFIG', `cannot listen on ${where}`, 'correct --listen, for example --listen 127.0.0.1:7480')
        : fail('CONFIG', `cannot serve HTTPS on ${where}`, 'check that certificate and key are PEM and fit together');
  }
}

/**
 * A request whose head names no usable host, as those of HTTP/1.0 that load balancers ask for the health with, comes with
 * a path alone for its address. It gets a host that nobody has, so that it counts as nobody's page.
 */
function withAddress(request: Request): Request {
  return URL.canParse(request.url) ? request : new Request(new URL(request.url, 'http://nobody.invalid'), request);
}

/** Starts listening. Throws `AppError`: UNAVAILABLE for a taken port, CONFIG for an impossible address. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { hostname, port, tls, fetch } = options;
  try {
    const server = Bun.serve({
      hostname,
      port,
      fetch(request, connection) {
        connection.timeout(request, IDLE_TIMEOUT_S);
        return fetch(withAddress(request), { address: connection.requestIP(request)?.address });
      },
      development: false,
      reusePort: false, // unless told, the runtime may share the port with another server and split its requests
      idleTimeout: options.headTimeoutS ?? HEAD_TIMEOUT_S,
      maxRequestBodySize: MAX_BODY_BYTES,
      ...(tls === undefined ? {} : { tls: { cert: tls.certificate, key: tls.key } }),
    });
    const shownHost = hostname.includes(':') ? `[${hostname}]` : hostname;
    return {
      url: `${tls === undefined ? 'http' : 'https'}://${shownHost}:${server.port}`,
      port: server.port ?? port,
      stop: () => server.stop(true),
    };
  } catch (error) {
    throw listenError(error, options);
  }
}
