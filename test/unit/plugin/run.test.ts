import { describe, expect, test } from '@jest/globals';
import { commands } from '../../../src/plugin/run.ts';
import { run, runWithInput } from './plugin-call.ts';

describe('arguments', () => {
  test.each([
    [
      ['sttus'],
      /no command "sttus": expected one of check, status, diff, drain, remove, inject, ready, completion/,
    ],
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
    [['inject'], /--filename is needed: expected the path of a file, or -/],
    [['inject', '-f', '/nowhere.yaml'], /\/nowhere\.yaml cannot be read: ENOENT/],
    [['inject', '-f', '/'], /\/ cannot be read: EISDIR/],
    [['inject', '-f', '-', '--gate=false', '--hold=false'], /leave nothing to do/],
    [['inject', '-f', '-', '--gate=no'], /'--gate' does not take an argument; see --help/],
    [
      ['inject', '-f', '-', '--hold-seconds', '9', '--drain-seconds', '5'],
      /--hold-seconds goes without --drain-seconds/,
    ],
    [
      ['inject', '-f', '-', '--hold-seconds', '0'],
      /--hold-seconds: received "0", expected a whole number from 1/,
    ],
    [['inject', '-f', '-', '--pod-template', '.a'], /--pod-template: received "\.a", expected a path/],
    [['check', 'web'], /usage: kubectl vsgb check/],
    [['check', '--from', 'there'], /--from: received "there", expected one of operator, here/],
    [['check', '--from', 'here'], /--region is needed/],
    [['ready'], /usage: kubectl vsgb ready POD\.\.\./],
    [['completion', 'tcsh'], /expected one of kubectl, bash, zsh, fish/],
    [['status', '--kubeconfig', '/nowhere'], /kubeconfig \/nowhere cannot be read: ENOENT/],
  ])('%j: exit 2 and one sentence on standard error', async (words, sentence) => {
    const { code, stdout, stderr } = await run(...words);
    expect(stderr).toMatch(sentence);
    expect(stderr).toMatch(/^error: .*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a value behind a flag that is on or off is taken as kubectl takes it', async () => {
    const pod = 'kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: web\n';
    const added = async (...flags: readonly string[]) =>
      (await runWithInput(pod, 'inject', '-f', '-', ...flags)).stdout.slice(pod.length);
    expect(await added('--hold=false')).toBe(await added('--no-hold', '--gate=true'));
    expect(await added('--gate=false')).not.toContain('readinessGates');
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
