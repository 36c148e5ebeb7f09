import type { BrowserContext, Locator, Page } from 'playwright-core';

/** The simulator's console as a user sees it. */
export class ConsolePage {
  readonly page: Page;
  /** The browser's complaints: script errors, violations of the security policy, missing files. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('response', (response) => {
      if (response.status() >= 400) this.complaints.push(`${response.url()}: HTTP ${response.status()}`);
    });
  }

  static async open(browser: BrowserContext, url: string): Promise<ConsolePage> {
    const console = new ConsolePage(await browser.newPage());
    await console.page.goto(`${url}/console`);
    await console.page.getByText(/^Live from/).waitFor();
    return console;
  }

  group(id: string): Locator {
    return this.page.getByRole('region', { name: id, exact: true });
  }

  /** `address`: for example `10.0.0.7:8080`. */
  tile(group: string, address: string): Locator {
    return this.group(group).getByRole('button', {
      name: new RegExp(`^${address.replaceAll('.', '\\.')} ?,`),
    });
  }

  members(): Locator {
    return this.page.getByRole('region', { name: 'Members' }).getByRole('listitem');
  }

  calls(): Locator {
    return this.page.getByRole('region', { name: 'Calls' }).locator('tbody tr');
  }

  /** The accessible text of the focused element. */
  async focused(): Promise<string> {
    return await this.page.evaluate<string>(`(() => {
      const { tagName, innerText, labels, id } = document.activeElement;
      const labelledBy = document.activeElement.getAttribute('aria-labelledby');
      const label = labels?.[0]?.textContent ?? document.getElementById(labelledBy)?.textContent ?? innerText;
      return tagName.toLowerCase() + ' ' + label.replace(/\\s+/g, ' ').trim();
    })()`);
  }

  async press(...keys: readonly string[]): Promise<string> {
    for (const key of keys) await this.page.keyboard.press(key);
    return await this.focused();
  }
}
