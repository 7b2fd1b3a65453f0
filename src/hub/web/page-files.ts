import page from './index.html';

export interface PageFile {
  readonly body: Blob;
  readonly type: string;
  readonly cacheControl: string;
}

/** The page's files by the path that browsers ask for. */
export interface PageFiles {
  find(path: string): PageFile | undefined;
}

/** Names of scripts and styles hold a hash of their content. */
const FOREVER = 'public, max-age=31536000, immutable';
/** Paths that the page itself turns into views. */
const VIEWS = /^\/(?:workers|builds\/[^/]+(?:\/tasks\/[^/]+)?)?$/;

interface Output {
  readonly path: string;
  readonly type: string;
  readonly body: Blob;
}

/** From a checkout the page is bundled on the spot; the compiled executable carries it ready-made. */
async function outputs(): Promise<Output[]> {
  if (page.files === undefined) {
    const built = await Bun.build({ entrypoints: [page.index], target: 'browser', minify: true });
    return built.outputs.map((output) => ({ path: output.path, type: output.type, body: output }));
  }
  return page.files.map(({ path, headers }) => ({ path, type: headers['content-type'], body: Bun.file(path) }));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Loads the page. Nothing of it comes from anywhere but this program. */
export async function loadPage(): Promise<PageFiles> {
  const files = new Map<string, PageFile>();
  for (const { path, type, body } of await outputs()) {
    const isDocument = type.startsWith('text/html');
    const file = { body: new Blob([await body.arrayBuffer()]), type, cacheControl: isDocument ? 'no-cache' : FOREVER };
    files.set(isDocument ? '/' : `/${nameOf(path)}`, file);
  }
  return { find: (path) => files.get(path) ?? (VIEWS.test(path) ? files.get('/') : undefined) };
}

/** Loads once, at the first call. */
export function lazyPage(): () => Promise<PageFiles> {
  let loaded: Promise<PageFiles> | undefined;
  return () => {
    loaded ??= loadPage();
    return loaded;
  };
}
