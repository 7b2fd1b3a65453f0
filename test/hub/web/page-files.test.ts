import { expect, test } from 'bun:test';
import { loadPage } from '../../../src/hub/web/page-files.ts';

test('the page is complete, loads nothing from elsewhere, and holds no inline code', async () => {
  const page = await loadPage();
  const html = (await page.find('/')?.body.text()) ?? '';
  const files = [...html.matchAll(/(?:src|href)="\.?(\/[^"]+\.(?:js|css|svg))"/g)].map((match) => match[1] ?? '');
  expect(files.map((file) => file.split('.').pop()).sort()).toEqual(['css', 'js', 'svg']);
  for (const file of files) {
    expect(page.find(file)?.cacheControl).toContain('immutable');
    expect(page.find(file)?.body.size).toBeGreaterThan(100);
  }
  expect(html).not.toMatch(/https?:\/\/|<script>|<style|onclick/);
  expect(page.find('/')?.cacheControl).toBe('no-cache');
  for (const view of ['/workers', '/builds/7', '/builds/7/tasks/8']) expect(page.find(view)).toBe(page.find('/'));
  expect(page.find('/nothing')).toBeUndefined();
});
