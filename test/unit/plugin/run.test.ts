import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { commands, runPlugin } from '../../../src/plugin/run.ts';

async function run(...words: readonly string[]) {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const { signal } = new AbortController();
  const around = { stdout: into('stdout'), stderr: into('stderr'), env: {} };
  const code = await runPlugin(words, { ...around, clock: new FakeClock(), signal });
  return { code, ...written };
}

describe('arguments', () => {
  test.each([
    [['sttus'], /no command "sttus": expected one of status, diff, drain, remove, completion/],
    [['status', 'a', 'b'], /usage: kubectl vsgb status \[NAME\]/],
    [['diff'], /usage: kubectl vsgb diff NAME/],
    [['drain'], /usage: kubectl vsgb drain NODE/],
    [['status', '--nope'], /Unknown option '--nope'; see --help/],
    [['status', '-n'], /argument missing; see --help/],
    [['status', '-o', 'xml'], /--output: received "xml", expected one of table, json, yaml/],
    [['status', '--undo'], /Unknown option '--undo'/],
    [['remove', '--region', 'cn-a'], /--group is needed/],
    [['remove', '--group', 'rsp-1'], /--backend is needed: expected ID:PORT or ID:PORT:IP/],
    [['remove', '--group', 'rsp-1', '--backend', 'web'], /--backend: received "web", expected ID:PORT/],
    [['remove', '--group', 'rsp-1', '--backend', 'i-a:70000'], /received port 70000, expected 1 to 65535/],
    [
      ['remove', '--group', 'lb-1', '--backend', 'i-a:80'],
      /--group: received "lb-1", expected the id of a vServer/,
    ],
    [
      ['remove', '--group', 'rsp-1', '--backend', 'i-a:80'],
      /--region is needed: expected the id of a region/,
    ],
    [['remove', '--timeout', '5'], /--timeout: received "5", expected a duration/],
    [['completion', 'tcsh'], /expected one of kubectl, bash, zsh, fish/],
    [['status', '--kubeconfig', '/nowhere'], /kubeconfig \/nowhere cannot be read: ENOENT/],
  ])('%j: exit 2 and one sentence on standard error', async (words, sentence) => {
    const { code, stdout, stderr } = await run(...words);
    expect(stderr).toMatch(sentence);
    expect(stderr).toMatch(/^error: .*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('without a command: the list of commands, and exit 2', async () => {
    const { code, stdout } = await run();
    for (const { name, summary } of commands) expect(stdout).toContain(`${name.padEnd(12)}${summary}`);
    expect(code).toBe(2);
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    '%s --help tells usage, every flag and every exit code',
    async (name, command) => {
      const { code, stdout } = await run(name, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: kubectl vsgb ${name}`);
      for (const meaning of Object.values(command.exitCodes)) expect(stdout).toContain(meaning);
      expect(stdout.split('\n').every((line) => line.length <= 130)).toBe(true);
    },
  );
});

describe('completion', () => {
  test('the first word: commands', async () => {
    const { stdout } = await run('__complete', '');
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['status', 'diff', 'drain', 'remove', ':4']));
  });

  test('a dash: the flags of the command', async () => {
    const { stdout } = await run('__complete', 'drain', '--');
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['--undo', '--timeout', '--help']));
    expect(stdout).not.toContain('--backend');
  });

  test('a value with few choices: these', async () => {
    expect((await run('__complete', 'status', '--output', '')).stdout).toBe('table\njson\nyaml\n:4\n');
  });

  test('no cluster that answers: nothing, and no error', async () => {
    expect(await run('__complete', 'drain', '--kubeconfig', '/nowhere', '')).toEqual({
      code: 0,
      stdout: ':4\n',
      stderr: '',
    });
  });

  test.each(['kubectl', 'bash', 'zsh', 'fish'])('a script for %s', async (shell) => {
    const { code, stdout } = await run('completion', shell);
    expect([code, stdout]).toEqual([0, expect.stringContaining('kubectl-vsgb __complete')]);
  });
});
