import { afterEach, beforeEach, expect } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { programGap, testNeeding } from '../support/requirement.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

const CHROMIUM = '/usr/bin/chromium';
const testInBrowser = testNeeding('the page in a browser', programGap(CHROMIUM, 'chromium'));

/** A browser that talks to nobody but the hub. */
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

let cluster: Cluster;
let profile: string;
let browser: BrowserContext | undefined;

beforeEach(() => {
  cluster = new Cluster();
  profile = mkdtempSync(join(tmpdir(), 'pwagent-profile-'));
});

afterEach(async () => {
  await browser?.close();
  browser = undefined;
  await cluster.close();
  rmSync(profile, { recursive: true, force: true });
});

async function openPage(url: string) {
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS.split(' '),
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('request', (request) => !request.url().startsWith(cluster.hubUrl) && problems.push(`asks ${request.url()}`));
  await page.goto(url);
  return { page, problems };
}

testInBrowser(
  'the page lists builds, shows a log while it is written, and the result without reloading',
  async () => {
    await cluster.startHub();
    cluster.startWorker();
    const { page, problems } = await openPage(cluster.hubUrl);
    await page.getByText(/no builds/i).waitFor();
    const tree = cluster.workTree(`persistent_worker: {}
greet_task:
  x_script:
    - echo first-line-of-the-log
    - for i in $(seq 600); do [ -e ${cluster.root}/go ] && break; sleep 0.05; done
    - echo last-line-of-the-log
`);
    const submit = cluster.start(cluster.submitArgs(tree));
    await page
      .getByRole('link', { name: /greet|worktree/ })
      .first()
      .click();
    await page.getByText('first-line-of-the-log', { exact: true }).waitFor();
    expect(await page.getByText('last-line-of-the-log', { exact: true }).count()).toBe(0);
    cluster.file('go', '');
    await page.getByText('last-line-of-the-log', { exact: true }).waitFor();
    await page
      .getByText(/passed/i)
      .first()
      .waitFor();
    expect((await submit.exited).code).toBe(0);
    expect(problems).toEqual([]);
  },
  60_000,
);

testInBrowser(
  'a page on another origin can neither read nor start builds',
  async () => {
    await cluster.startHub();
    const answer = await fetch(`${cluster.hubUrl}/api/v1/builds`, { headers: { host: 'evil.example' } });
    expect(answer.status).toBe(401);
    const { page } = await openPage(`${cluster.hubUrl}/healthz`);
    await page.setContent('<p>elsewhere</p>');
    const blocked = await page.evaluate(async (url) => {
      const response = await fetch(`${url}/api/v1/builds`, { method: 'POST', body: '{}' });
      return response.status;
    }, cluster.hubUrl);
    expect(blocked).toBe(401);
    await waitFor('nothing was started', async () => {
      const { builds } = (await (await fetch(`${cluster.hubUrl}/api/v1/builds`)).json()) as { builds: unknown[] };
      return builds.length === 0;
    });
  },
  60_000,
);
