"""Signs in by requests and httpx, with a URL, a user and a password; prints `client status body` for each."""
import sys

import httpx
import requests

url, user, password = sys.argv[1:]
for client in (requests, httpx):
    answer = client.get(url, auth=(user, password), timeout=20)
    print(client.__name__, answer.status_code, answer.text)
