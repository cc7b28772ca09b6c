/* The least a mutual-TLS server can do with OpenSSL: accept, ask for the client's certificate, take
 * any, shake hands, hang up. One connection after another, blocking; its CPU per handshake is the
 * ceiling for every other server on the same machine.
 *
 *     cc -O2 -o ceiling ceiling.c -lssl -lcrypto && ./ceiling cert.pem key.pem TLSv1.2
 *
 * Prints its port, then serves until it is killed.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    int version = strcmp(argv[3], "TLSv1.3") ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, take_any);
    if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
        return 1;
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&name, size) || listen(listening, 128))
        return 1;
    getsockname(listening, (struct sockaddr *)&name, &size);
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = accept(listening, NULL, NULL);
        if (peer < 0)
            continue;
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, peer);
        if (SSL_accept(ssl) == 1) {
            X509 *certificate = SSL_get_peer_certificate(ssl);
            char done = certificate ? '+' : '-';
            SSL_write(ssl, &done, 1);
            X509_free(certificate);
        }
        SSL_free(ssl);
        close(peer);
    }
}
