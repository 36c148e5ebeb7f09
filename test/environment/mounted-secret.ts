import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of files that are replaced atomically, as the kubelet does with Secrets and projected tokens. */
export class MountedSecret implements AsyncDisposable {
  readonly dir: string;
  #version = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(files: Readonly<Record<string, string>>): Promise<MountedSecret> {
    const secret = new MountedSecret(await mkdtemp(join(tmpdir(), 'secret-')));
    for (const name of Object.keys(files)) await symlink(join('..data', name), join(secret.dir, name));
    await secret.publish(files);
    return secret;
  }

  async publish(files: Readonly<Record<string, string>>): Promise<void> {
    const version = `..${++this.#version}`;
    await mkdir(join(this.dir, version));
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(this.dir, version, name), content, { mode: 0o600 });
    }
    await symlink(version, join(this.dir, '..new'));
    await rename(join(this.dir, '..new'), join(this.dir, '..data'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
