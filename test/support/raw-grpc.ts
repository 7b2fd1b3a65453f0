import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';

/** What a call by hand was answered with. */
export interface RawAnswer {
  readonly status: string | undefined;
  readonly message: string;
  readonly data: Buffer;
  /** HTTP status; undefined when the stream or the connection was cut. */
  readonly http: number | undefined;
}

/** A message as gRPC frames it; `announced` may lie about its length, `flag` 1 says compressed. */
export function grpcFrame(body: Uint8Array, { flag = 0, announced = body.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(announced, 1);
  return Buffer.concat([head, body]);
}

/** A connection below the gRPC library: tests say every header and byte. */
export function rawGrpc(url: string, ca?: string) {
  const session = connectHttp2(url, ca === undefined ? {} : { ca });
  session.on('error', () => {}); // the server may cut it: the calls say so
  const open = (path: string, headers: OutgoingHttpHeaders) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const answer = new Promise<RawAnswer>((resolve) => {
      const pieces: Buffer[] = [];
      let [status, message, http]: [string | undefined, string, number | undefined] = [undefined, '', undefined];
      const take = (sent: Record<string, unknown>) => {
        if (sent['grpc-status'] === undefined) return;
        status = String(sent['grpc-status']);
        message = decodeURIComponent(String(sent['grpc-message'] ?? ''));
      };
      const done = () => resolve({ status, message, http, data: Buffer.concat(pieces) });
      stream.on('response', (sent) => {
        http = sent[':status'];
        take(sent);
      });
      stream.on('trailers', take);
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', done);
      stream.on('close', done);
      stream.on('error', done);
    });
    return { stream, answer };
  };
  return {
    session,
    open,
    /** One call with these bytes as its whole body. */
    call(path: string, headers: OutgoingHttpHeaders, body: Uint8Array): Promise<RawAnswer> {
      const { stream, answer } = open(path, headers);
      stream.end(body);
      return answer;
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}
