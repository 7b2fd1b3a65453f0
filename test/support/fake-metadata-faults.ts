/** What the stand-in does instead of answering properly. */
export type Fault =
  /** Accepts, reads, and says nothing. */
  | 'silence'
  /** A right answer, a byte a second. */
  | 'slow'
  /** The head of a right answer, half of the body, then nothing. */
  | 'stall'
  | 'redirect'
  /** Not HTTP. */
  | 'garbage'
  /** 200 with a web page, as a captive portal sends. */
  | 'html'
  /** The same, said to be plain text. */
  | 'html-as-text'
  /** A right answer, said to be a web page. */
  | 'text-as-html'
  /** A right answer, packed although that was not asked for. */
  | 'packed'
  /** 200 with no body. */
  | 'empty'
  /** 200 with a body without end. */
  | 'huge'
  /** 200 with a header without end. */
  | 'huge-head'
  /** The connection is reset. */
  | 'reset'
  /** 200 with plain text that is none of the service's. */
  | 'wrong-content'
  /** That status, and a page that says so. */
  | number;

const LOGIN_PAGE = '<!DOCTYPE html><html><body>Please log in</body></html>';

export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: string | Uint8Array;
}

export const REASON: Readonly<Record<number, string>> = {
  200: 'OK',
  307: 'Temporary Redirect',
  401: 'Unauthorized',
  404: 'Not Found',
};

export function page(status: number, text = REASON[status] ?? 'Error'): Reply {
  const title = `<title>${status} - ${text}</title>`;
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE html>\n<html><head>${title}</head><body><h1>${status} - ${text}</h1></body></html>\n`;
  return { status, headers: { 'content-type': 'text/html' }, body };
}

/** The reply of the faults that give one; `right` is what would have been said without the fault. */
export function falseReply(fault: Fault, right: () => Reply): Reply | undefined {
  const ok = (body: string, type: string) => ({ status: 200, headers: { 'content-type': type }, body });
  if (typeof fault === 'number') return page(fault);
  switch (fault) {
    case 'redirect':
      return { ...page(307), headers: { location: '/latest/elsewhere' } };
    case 'html':
      return ok(LOGIN_PAGE, 'text/html');
    case 'html-as-text':
      return ok(LOGIN_PAGE, 'text/plain');
    case 'text-as-html':
      return { ...right(), headers: { 'content-type': 'text/html' } };
    case 'packed':
      return { status: 200, headers: { 'content-encoding': 'gzip' }, body: Bun.gzipSync(String(right().body)) };
    case 'empty':
      return ok('', 'text/plain');
    case 'wrong-content':
      return ok('{"message": "hello from another service"}', 'application/json');
    default:
      return undefined;
  }
}
