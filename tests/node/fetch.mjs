// Sends a body by `fetch`, one time after the other, and prints for each what came back: the status, or the error.
// Usage: node fetch.mjs URL BYTES TIMES

const [url, bytes, times] = process.argv.slice(2);
const body = Buffer.alloc(Number(bytes), 'x');

for (let i = 0; i < Number(times); i++) {
    try {
        const response = await fetch(url, { method: 'POST', body });
        await response.text();
        console.log(response.status);
    } catch (error) {
        console.log(error.cause?.code ?? error.message);
    }
}
