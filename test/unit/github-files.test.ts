import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
const TEMPLATES = '.github/ISSUE_TEMPLATE';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const forms = readdirSync(join(ROOT, TEMPLATES)).filter((name) => name !== 'config.yml');

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly {
    readonly type: string;
    readonly id?: string;
    readonly attributes: {
      readonly label?: string;
      readonly value?: string;
      readonly options?: readonly string[];
    };
  }[];
}

// https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
describe.each(forms)('the issue form %s', (file) => {
  const form: Form = parse(read(`${TEMPLATES}/${file}`));

  test('has a name, a description, and fields that GitHub takes', () => {
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
    for (const { type, id, attributes } of form.body) {
      expect(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes']).toContain(type);
      if (type === 'markdown') expect(attributes.value).toBeTruthy();
      else
        expect({ id, label: attributes.label }).toEqual({
          id: expect.any(String),
          label: expect.any(String),
        });
      if (type === 'dropdown') expect(attributes.options?.length).toBeGreaterThan(1);
    }
    const ids = form.body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('leads to pages that are there', () => {
    const links = [...read(`${TEMPLATES}/${file}`).matchAll(/\.\.\/blob\/main\/([\w./-]+)/g)];
    expect(links.filter(([, path = '']) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

test('files that the template of pull requests names are there', () => {
  const named = [...read('.github/pull_request_template.md').matchAll(/`([\w/-]+\.(?:md|txt))`/g)];
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(([, path = '']) => !existsSync(join(ROOT, path)))).toEqual([]);
});
