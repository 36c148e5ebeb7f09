export interface Documented {
  readonly command: string;
  readonly marked: boolean;
}

/** The commands in code blocks marked `sh`. The mark ☁ follows a command, or ends the text above its block. */
export function commandsOf(markdown: string): Documented[] {
  const blocks = markdown.matchAll(/([^\n]*)\n+^( *)```sh\n(.*?)^ *```$/gms);
  return [...blocks].flatMap(([, above = '', , block = '']) => {
    const lines = block
      .replace(/<<(\w+)\n.*?^ *\1$/gms, '')
      .replace(/\\\n\s*/g, '')
      .split('\n');
    return lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, command = '', comment = ''] = /^(.*?)(?:\s+#(.*))?$/.exec(line) ?? [];
        return { command, marked: comment.includes('☁') || above.trimEnd().endsWith('☁') };
      });
  });
}
