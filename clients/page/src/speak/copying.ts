/** Copies a text. Rejects where the browser does not allow it, as where a page is not secure. */
export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
