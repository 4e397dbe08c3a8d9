/* What the socket module needs to know of Linux's Bluetooth addresses. The
   kernel's own headers do not have it; this is its binary interface. */

#ifndef NEWER_BLUETOOTH_H
#define NEWER_BLUETOOTH_H

#include <stdint.h>
#include <sys/socket.h>

#define BTPROTO_L2CAP 0
#define BTPROTO_HCI 1
#define BTPROTO_SCO 2
#define BTPROTO_RFCOMM 3

#define SOL_HCI 0
#define SOL_L2CAP 6
#define SOL_SCO 17
#define SOL_RFCOMM 18

#define BDADDR_BREDR 0
#define BDADDR_LE_PUBLIC 1
#define BDADDR_LE_RANDOM 2

typedef struct {
    uint8_t b[6]; /* the address, last octet first */
} bdaddr_t;

#endif
